"""`MODEL_CARD.md` of networks that make one kind of pictures of another, from facts alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from visioncli.training.adversarial.game_card import GameCard, in_digits, troubles
from visioncli.training.model_card import code, command_line, duration, plain_text, table


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TranslationCard(GameCard):
    """What the card says. `learned` and `held_out` are pictures of each of the two `kinds`; `numbers` are
    `distance_before`, `distance_a_to_b`, `distance_b_to_a` and `cycle_error`, None where one was not measured;
    `judge` is whose features the distances are of."""

    kinds: tuple[str, ...]
    learned: Sequence[int]
    held_out: Sequence[int]
    size: int
    resize: int
    numbers: Mapping[str, float | None]
    identity: float


def translation_card(facts: TranslationCard) -> str:
    """The card as Markdown."""
    first, second = map(plain_text, facts.kinds)
    name = plain_text(facts.name)
    identity = f", identity losses weighted {facts.identity:g}" if facts.identity else ", no identity losses"
    sections = [
        f"# {name}",
        f"Two networks ({code(facts.architecture)}, from random numbers, {facts.parameters:,} parameters) that make "
        f"{second} of {first}, `vision stylize --model {name}`, and {first} of {second}, `vision stylize --model "
        f"{name} --reverse`. They take pictures of any size, and learned from squares of {facts.size} pixels of "
        f"pictures whose shorter side was {facts.resize} at most.",
        "## What they learned from",
        _data(facts),
        "## How good they are",
        _numbers(facts),
        "## What they are not for",
        "- Pictures that are taken for real ones: they show what a network made of them. Say that they were made.\n"
        "- Pictures of anything else than they learned from. A translation that can be undone need not be the one "
        "that was meant: look at `samples/`.\n"
        "- Measurements and diagnoses: what is translated may gain and lose what matters, and looks right.",
        "## Licence",
        "Whether the pictures allow passing on what was learned from them, only their owner can say.",
        "## How they were made",
        f"```sh\n{command_line(facts.command)}\n```",
        f"visioncli {facts.version}, seed {facts.seed}. {facts.steps:,} steps, {facts.epochs:g} epochs. CycleGAN "
        f"(arXiv 1703.10593): losses of least squares, cycle losses weighted 10{identity}; the weights are a moving "
        f"average over steps. Mirrored pictures: {'yes' if facts.mirrors else 'no'}. It took "
        f"{duration(facts.seconds)}. `model.safetensors` has the SHA-256 {facts.weights_sha256}.",
        "`split.csv` says which picture was in which part, `log.jsonl` and `curves.png` how training went, "
        "`samples/` what was made of the same pictures on the way.",
    ]
    return "\n\n".join(sections) + "\n"


def _data(facts: TranslationCard) -> str:
    counted = (
        f"{count:,} pictures of {plain_text(kind)} and {held:,} held out"
        for kind, count, held in zip(facts.kinds, facts.learned, facts.held_out, strict=True)
    )
    lines = [f"{code(facts.source)}, without pairs: {'; '.join(counted)}."]
    return " ".join(lines + troubles(facts))


def _numbers(facts: TranslationCard) -> str:
    first, second = map(plain_text, facts.kinds)
    words = {
        "distance_before": f"Fréchet distance of {first} from {second}, untranslated",
        "distance_a_to_b": f"Fréchet distance of {first} made {second} from {second}",
        "distance_b_to_a": f"Fréchet distance of {second} made {first} from {first}",
        "cycle_error": "mean difference after there and back, of 0 to 1",
    }
    rows = [[shown, in_digits(facts.numbers.get(name))] for name, shown in words.items()]
    return "\n\n".join(
        [
            f"On held-out pictures, by features of {plain_text(facts.judge)}. The distances hang on whose features "
            "they are and on how many pictures there were, and are not FID; the two kinds show different things, so "
            "that they do not become 0. They tell whether pictures look like those of the other kind, not whether "
            "each is the right one: without pairs nothing can.",
            table(["", "held out"], rows),
        ]
    )
