"""Refine members of `object_layout` by what their own sentences are worth: CIDEr, less a fine for false names.

    python training/refine.py --data object_captions.jsonl --join object_layout.safetensors --out DIR

Self-critical sequence training (Rennie et al. 2017, arXiv:1612.00563) with the mean of a picture's other samples
as the baseline (Luo 2020, arXiv:2003.09971). Writes `object_layout.safetensors` and `metrics.json` to DIR.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import caption
import layouts
import numpy as np
import torch
from layouts import DETECTORS, Layout
from reward import Cider
from torch import Tensor

from visioncli.networks import object_layout
from visioncli.networks.object_layout import LABELS, ObjectLayout, ObjectLayoutEnsemble
from visioncli.tasks.caption.beam_search import NAME_SCORE, ObjectFeatures, nameable
from visioncli.tasks.caption.words import FUNCTION_WORDS, UNSEEN, Vocabulary, object_nouns, stem

NEVER = -1e4


class Options(NamedTuple):
    """How one network is refined."""

    epochs: int
    batch: int
    rate: float
    samples: int
    fine: float
    average: float
    longest: int


class Rules:
    """The decoder's rules that a table can hold: nouns of classes not seen, colours, content words said before."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        words, nouns = vocabulary.words, object_nouns()
        ending = {phrase[-1]: set[int]() for phrase in nouns.nouns}
        for phrase, ids in nouns.nouns.items():
            ending[phrase[-1]] |= ids
        self.never = torch.tensor([word in UNSEEN for word in words])
        self.never[[Vocabulary.PAD, Vocabulary.START, Vocabulary.UNKNOWN]] = True
        self.names = torch.zeros(len(words), LABELS)
        for number, word in enumerate(words):
            if nouns.naming([word]):  # "dog" ends "hot dog" too
                self.names[number, list(ending[word])] = 1
        self.is_name = self.names.any(1)
        stems = sorted({stem(word) for word in words})
        place = {s: k for k, s in enumerate(stems)}
        self.stem = torch.tensor([place[stem(word)] for word in words])
        self.once = torch.tensor([w not in FUNCTION_WORDS and w not in Vocabulary.MARKS for w in words])
        self.stems = len(stems)

    def blocked(self, seen: Sequence[ObjectFeatures]) -> Tensor:
        """Which words `(P, V)` may nowhere stand in the caption of each picture."""
        there = torch.zeros(len(seen), LABELS)
        for row, objects in enumerate(seen):
            there[row, list(nameable(objects, NAME_SCORE))] = 1
        return self.never | (self.is_name & (there @ self.names.T == 0))


class Told(NamedTuple):
    """Sampled sentences (S, T) of word numbers from the start mark on, padded, and the words blocked before each."""

    words: Tensor
    blocked: Tensor


@torch.no_grad()
def sample(
    network: ObjectLayout, memory: Tensor, present: Tensor, blocked: Tensor, rules: Rules, longest: int
) -> Told:
    """One sentence for each row of `memory` (S, 1 + N, D), drawn word by word."""
    rows = memory.shape[0]
    state = memory.new_zeros(rows, 4, network.sizes.hidden)
    word = torch.full((rows,), Vocabulary.START)
    said = torch.zeros(rows, rules.stems, dtype=torch.bool)
    alive = torch.ones(rows, dtype=torch.bool)
    words, masks = [word], []
    for _ in range(longest):
        log_probability, state, _ = network.step(word, state, memory, present)
        mask = blocked | said[:, rules.stem]
        word = log_probability.masked_fill(mask, NEVER).softmax(-1).multinomial(1).squeeze(1)
        word = word.where(alive, torch.tensor(Vocabulary.PAD))
        words.append(word)
        masks.append(mask)
        content = rules.once[word]
        said[content.nonzero().squeeze(1), rules.stem[word[content]]] = True
        alive = alive & (word != Vocabulary.END)
        if not alive.any():
            break
    return Told(torch.stack(words, 1), torch.stack(masks, 1))


def log_probabilities(network: ObjectLayout, told: Told, memory: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probability (W,) of every sampled word under the rules, and the row (W,) that it belongs to."""
    given, target = told.words[:, :-1], told.words[:, 1:]
    given = given.masked_fill(target == Vocabulary.PAD, Vocabulary.PAD)
    known = given != Vocabulary.PAD
    logits = network(given, memory, present).masked_fill(told.blocked[known], NEVER)
    each = logits.log_softmax(-1).gather(1, target[known].unsqueeze(1)).squeeze(1)
    return each, known.nonzero()[:, 0]


class Critic:
    """What sentences are worth."""

    def __init__(self, pictures: Sequence[Layout], vocabulary: Vocabulary, fine: float) -> None:
        self._cider = Cider({p.image_id: p.captions for p in pictures})
        self._vocabulary, self._fine, self._nouns = vocabulary, fine, object_nouns()

    def worth(self, layout: Layout, numbers: Sequence[int]) -> tuple[float, bool]:
        """CIDEr-D less the fine, and whether a class is named that is not annotated."""
        end = numbers.index(Vocabulary.END) if Vocabulary.END in numbers else len(numbers)
        words = [self._vocabulary.words[n] for n in numbers[:end] if n != Vocabulary.PAD]
        absent = bool(self._nouns.absent(words, {int(label) for label in layout.label_ids}))
        # A sentence that never ended would be cut by the decoder: worth nothing.
        value = self._cider.score(layout.image_id, words) if end < len(numbers) else 0.0
        return value - self._fine * absent, absent


def seen_by_a_detector(layout: Layout, random: np.random.Generator) -> ObjectFeatures:
    """What one of the detectors, drawn by chance, may find in a picture, mirrored half of the time."""
    turned = layouts.mirrored(layout) if random.random() < 0.5 else layout
    kind = DETECTORS[random.integers(len(DETECTORS))]
    return layouts.features(turned, layouts.detect(turned, random, kind))


def loss_of(
    network: ObjectLayout,
    shown: Sequence[Layout],
    seen: Sequence[ObjectFeatures],
    critic: Critic,
    rules: Rules,
    options: Options,
) -> tuple[Tensor, list[tuple[float, bool]]]:
    """The policy gradient's loss over sampled sentences of the pictures `shown`, and what each sentence was worth."""
    labels, geometry, present = caption.stacked(seen)
    rows = torch.arange(len(shown)).repeat_interleave(options.samples)
    network.eval()
    with torch.no_grad():
        memory = network.encode(labels, geometry, present)[rows]
    told = sample(network, memory, present[rows], rules.blocked(seen)[rows], rules, options.longest)
    values = [
        critic.worth(shown[r], words) for r, words in zip(rows.tolist(), told.words[:, 1:].tolist(), strict=True)
    ]
    reward = torch.tensor([value for value, _ in values]).view(-1, options.samples)
    others = (reward.sum(1, keepdim=True) - reward) / (options.samples - 1)
    network.train()
    memory = network.encode(labels, geometry, present)[rows]
    each, row = log_probabilities(network, told, memory, present[rows])
    return -((reward - others).flatten()[row] * each).sum() / len(each), values


def refine(
    network: ObjectLayout,
    pictures: Sequence[Layout],
    held: Sequence[Layout],
    vocabulary: Vocabulary,
    options: Options,
    seed: int,
) -> tuple[ObjectLayout, list[dict[str, float]]]:
    """The running mean of the network's weights after the last epoch, and each epoch's figures."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    mean = ObjectLayout(network.sizes).eval()
    mean.load_state_dict(network.state_dict())
    optimiser = torch.optim.Adam(network.parameters(), options.rate, betas=(0.9, 0.99))
    critic, rules = Critic(pictures, vocabulary, options.fine), Rules(vocabulary)
    steps = options.epochs * math.ceil(len(pictures) / options.batch)
    # Held-out CIDEr falls while the rate is high, and rises above where it began as the rate falls.
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda k: min(1.0, (k + 1) / 20) * (1 - 0.9 * k / steps))
    history: list[dict[str, float]] = []
    step = 0
    for epoch in range(1, options.epochs + 1):
        began = time.perf_counter()
        values: list[tuple[float, bool]] = []
        order = random.permutation(len(pictures))
        for start in range(0, len(order), options.batch):
            shown = [pictures[k] for k in order[start : start + options.batch]]
            seen = [seen_by_a_detector(layout, random) for layout in shown]
            loss, worth = loss_of(network, shown, seen, critic, rules, options)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            step += 1
            caption.blend_into(mean, network, min(options.average, (1 + step) / (10 + step)))
            values += worth
        row = {"epoch": epoch, "seconds": time.perf_counter() - began}
        row |= dict(zip(("worth", "absent_told"), np.mean(values, axis=0).tolist(), strict=True))
        if held and epoch == options.epochs:
            row |= caption.evaluate(ObjectLayoutEnsemble([mean]), held, vocabulary, 2)._asdict()
        history.append(row)
        sys.stderr.write(json.dumps({name: round(value, 4) for name, value in row.items()}) + "\n")
    return mean, history


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="layouts with captions (JSON Lines)")
    parser.add_argument("--join", type=Path, required=True, help="weights to begin with")
    parser.add_argument("--member", type=int, action="append", help="which of their members, from 0; all by default")
    parser.add_argument("--out", type=Path, required=True, help="folder for weights and metrics")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch", type=int, default=64, help="pictures in a batch")
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--samples", type=int, default=4, help="sentences drawn for each picture, at least 2")
    parser.add_argument("--fine", type=float, default=1.0, help="CIDEr that naming an absent class costs")
    parser.add_argument("--average", type=float, default=0.98, help="memory of the running mean of weights")
    parser.add_argument("--longest", type=int, default=16, help="words of a sampled sentence")
    parser.add_argument("--val", type=float, default=0.1, help="share of pictures held out, by image id")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(given)
    if args.samples < 2:
        parser.error("--samples must be at least 2: a sentence is judged by the picture's other ones.")
    return args


def main(given: Sequence[str] | None = None) -> None:
    """Refine, measure, write."""
    args = arguments(given)
    everything = layouts.read_layouts(args.data)
    held = [p for p in everything if layouts.held_out(p, args.val)]
    pictures = [p for p in everything if not layouts.held_out(p, args.val)]
    begun, words = object_layout.load(args.join)
    vocabulary = Vocabulary(words)
    options = Options(*(getattr(args, name) for name in Options._fields))
    args.out.mkdir(parents=True, exist_ok=True)
    members, metrics = [], {}
    for number in args.member or range(len(begun.members)):
        network = ObjectLayout(begun.sizes, args.dropout)
        network.load_state_dict(begun.members[number].state_dict())
        member, metrics[f"member_{number + 1}"] = refine(
            network, pictures, held, vocabulary, options, args.seed + number
        )
        members.append(member)
        object_layout.save(ObjectLayoutEnsemble(members), words, args.out / "object_layout.safetensors")
        (args.out / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
