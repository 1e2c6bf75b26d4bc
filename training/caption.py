"""Train `object_layout`, the captioner that reads detected objects.

    python training/caption.py --data object_captions.jsonl --out DIR
    python training/caption.py --data instances.json --captions captions.json --out DIR

Writes `object_layout.safetensors` (weights, sizes and vocabulary) and `metrics.json` to DIR.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import layouts
import numpy as np
import torch
import torch.nn.functional as F
from caption_scores import CaptionScores, consensus, score
from layouts import Detector, Layout
from torch import Tensor

from visioncli.networks import object_layout
from visioncli.networks.object_layout import SCORE_COLUMN, ObjectLayout, ObjectLayoutEnsemble, Sizes
from visioncli.tasks.caption import beam_search as captioning
from visioncli.tasks.caption.beam_search import MOST_OBJECTS, ObjectFeatures
from visioncli.tasks.caption.template import template
from visioncli.tasks.caption.words import Vocabulary, tokenise


class Batch(NamedTuple):
    """Objects of P pictures (padded) and C captions of them: `picture` (C,) says whose each caption is."""

    labels: Tensor
    geometry: Tensor
    present: Tensor
    picture: Tensor
    words: Tensor
    weights: Tensor


class Options(NamedTuple):
    """How one network is trained."""

    epochs: int
    batch: int
    rate: float
    dropout: float
    smoothing: float
    average: float
    sharpness: float
    longest: int
    told: int
    patience: int
    detector: Detector


def stacked(seen: Sequence[ObjectFeatures]) -> tuple[Tensor, Tensor, Tensor]:
    """Labels (P, 20), geometry (P, 20, 9) and mask (P, 20) of several pictures."""
    labels = np.zeros((len(seen), MOST_OBJECTS), np.int64)
    geometry = np.zeros((len(seen), MOST_OBJECTS, 9), np.float32)
    present = np.zeros((len(seen), MOST_OBJECTS), np.bool_)
    for row, objects in enumerate(seen):
        count = len(objects.labels)
        labels[row, :count], geometry[row, :count], present[row, :count] = *objects[:2], True
    return torch.from_numpy(labels), torch.from_numpy(geometry), torch.from_numpy(present)


def batches(
    pictures: Sequence[Layout],
    weights: dict[tuple[int, tuple[str, ...]], float],
    vocabulary: Vocabulary,
    options: Options,
    random: np.random.Generator,
) -> Iterator[Batch]:
    """One epoch: each picture as the detector may have seen it this time, mirrored half of the time."""
    order = random.permutation(len(pictures))
    for start in range(0, len(order), options.batch):
        seen: list[ObjectFeatures] = []
        rows, words, weight = [], [], []
        for place in order[start : start + options.batch]:
            layout = pictures[place]
            if random.random() < 0.5:
                layout = layouts.mirrored(layout)
            shown = random.permutation(len(layout.captions))[: options.told]
            for caption in (layout.captions[k] for k in shown):
                rows.append(len(seen))
                words.append(torch.tensor(vocabulary.encode(caption[: options.longest])))
                weight.append(weights[layout.image_id, tuple(caption)])
            seen.append(layouts.features(layout, layouts.detect(layout, random, options.detector)))
        padded = torch.nn.utils.rnn.pad_sequence(words, batch_first=True)
        yield Batch(*stacked(seen), torch.tensor(rows), padded, torch.tensor(weight))


def caption_weights(pictures: Sequence[Layout], sharpness: float) -> dict[tuple[int, tuple[str, ...]], float]:
    """Captions that agree with the others of their picture count more (mean 1 in each picture)."""
    weights = {}
    agreed = consensus([p.captions for p in pictures])
    for layout, values in zip(pictures, agreed, strict=True):
        share = np.exp(sharpness * (np.array(values) - max(values)))
        share *= len(share) / share.sum()
        weights.update({(layout.image_id, tuple(c)): float(w) for c, w in zip(layout.captions, share, strict=True)})
    return weights


def loss_of(network: ObjectLayout, batch: Batch, smoothing: float) -> Tensor:
    """Weighted cross entropy of the true next words."""
    memory = network.encode(batch.labels, batch.geometry, batch.present)[batch.picture]
    given, target = batch.words[:, :-1], batch.words[:, 1:]
    given = given.masked_fill(target == Vocabulary.PAD, Vocabulary.PAD)
    logits = network(given, memory, batch.present[batch.picture])
    known = given != Vocabulary.PAD
    each = F.cross_entropy(logits, target[known], label_smoothing=smoothing, reduction="none")
    weight = batch.weights.unsqueeze(1).expand_as(target)[known]
    return (each * weight).sum() / weight.sum()


def train(
    pictures: Sequence[Layout],
    held: Sequence[Layout],
    vocabulary: Vocabulary,
    sizes: Sizes,
    *,
    options: Options,
    seed: int,
) -> tuple[ObjectLayout, list[dict[str, float]]]:
    """The network whose running mean of weights has the best validation CIDEr, and each epoch's figures."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    network = ObjectLayout(sizes, options.dropout)
    mean = ObjectLayout(sizes, options.dropout).eval()
    mean.load_state_dict(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), options.rate, weight_decay=1e-2, betas=(0.9, 0.98))
    steps = options.epochs * math.ceil(len(pictures) / options.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, total_steps=steps, pct_start=0.1)
    weights = caption_weights(pictures, options.sharpness)
    best, best_state, since, history, step = -1.0, mean.state_dict(), 0, [], 0
    for epoch in range(1, options.epochs + 1):
        network.train()
        began, total, count = time.perf_counter(), 0.0, 0
        for batch in batches(pictures, weights, vocabulary, options, random):
            loss = loss_of(network, batch, options.smoothing)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            step, total, count = step + 1, total + loss.item(), count + 1
            blend_into(mean, network, min(options.average, (1 + step) / (10 + step)))
        row = {"epoch": epoch, "loss": total / count, "seconds": time.perf_counter() - began}
        if held and epoch > options.epochs // 2 and (options.epochs - epoch) % 2 == 0:
            row |= evaluate(ObjectLayoutEnsemble([mean]), held, vocabulary, 2)._asdict()
        history.append(row)
        sys.stderr.write(json.dumps({name: round(value, 4) for name, value in row.items()}) + "\n")
        if row.get("cider", -1.0) > best:
            best, best_state, since = row["cider"], {k: v.clone() for k, v in mean.state_dict().items()}, 0
        elif "cider" in row and (since := since + 1) >= options.patience:
            break
    mean.load_state_dict(best_state)
    return mean, history


@torch.no_grad()
def blend_into(mean: ObjectLayout, network: ObjectLayout, keep: float) -> None:
    """Move the running mean of weights towards `network` (Polyak averaging)."""
    for old, new in zip(mean.parameters(), network.parameters(), strict=True):
        old.lerp_(new, 1 - keep)


def simulated(held: Sequence[Layout]) -> list[ObjectFeatures]:
    """What a simulated detector finds in pictures: the same at every call."""
    found = [layouts.detect(p, np.random.default_rng(p.image_id)) for p in held]
    return [layouts.features(p, d) for p, d in zip(held, found, strict=True)]


def scores_of(told: Sequence[Sequence[str]], held: Sequence[Layout]) -> CaptionScores:
    """Scores of tokenised captions of pictures in order."""
    return score(
        {p.image_id: words for p, words in zip(held, told, strict=True)},
        {p.image_id: p.captions for p in held},
        {p.image_id: [int(label) for label in p.label_ids] for p in held},
    )


def evaluate(
    network: ObjectLayoutEnsemble, held: Sequence[Layout], vocabulary: Vocabulary, beams: int
) -> CaptionScores:
    """Scores on pictures seen through a simulated detector."""
    listen = partial(object_layout.listen, network)
    found = [captioning.describe(listen, vocabulary, seen, beams=beams) for seen in simulated(held)]
    return scores_of([captions[0].words if captions else () for captions in found], held)


def baseline(held: Sequence[Layout]) -> CaptionScores:
    """Scores of the template captioner on the same simulated detections."""
    told = []
    for seen in simulated(held):
        sure = seen.labels[seen.geometry[:, SCORE_COLUMN] >= captioning.NAME_SCORE]
        told.append(tokenise(template(int(label) for label in sure)))
    return scores_of(told, held)


def joined(path: Path, vocabulary: Vocabulary) -> list[ObjectLayout]:
    """The members of weights that speak the same vocabulary; exits with a message when they do not."""
    network, words = object_layout.load(path)
    if words != vocabulary.words:
        sys.exit(f"{path} has another vocabulary: train with the same data, --val and --least-count.")
    return [member for member in network.members if isinstance(member, ObjectLayout)]


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, required=True, help="layouts with captions (JSON Lines), or COCO instances"
    )
    parser.add_argument("--captions", type=Path, help="COCO captions, when --data is COCO instances")
    parser.add_argument("--out", type=Path, required=True, help="folder for weights, vocabulary and metrics")
    parser.add_argument("--members", type=int, default=1, help="networks to train for the ensemble")
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--batch", type=int, default=64, help="pictures in a batch, with all their captions")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--dropout", type=float, default=0.35)
    parser.add_argument("--smoothing", type=float, default=0.1)
    parser.add_argument("--average", type=float, default=0.995, help="memory of the running mean of weights")
    parser.add_argument("--sharpness", type=float, default=0.5, help="how much captions that agree count more")
    parser.add_argument("--least-count", type=int, default=5, help="occurrences that put a word into the vocabulary")
    parser.add_argument("--longest", type=int, default=15, help="words of a caption that are learned")
    parser.add_argument("--patience", type=int, default=3, help="measurements without a better CIDEr before it stops")
    parser.add_argument("--val", type=float, default=0.1, help="share of pictures held out, by image id")
    parser.add_argument("--told", type=int, default=3, help="captions of a picture that an epoch shows")
    parser.add_argument("--strangers", type=float, default=0.75, help="false detections a picture")
    parser.add_argument("--strange-score", type=float, default=0.18, help="their mean score above 0.2")
    parser.add_argument("--join", type=Path, help="weights trained before: their members come first")
    parser.add_argument("--width", type=int, default=192, help="hidden units of each LSTM layer")
    parser.add_argument("--seed", type=int, default=11)
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> None:
    """Train, measure, write."""
    args = arguments(given)
    everything = layouts.read_layouts(args.data, args.captions)
    held = [p for p in everything if layouts.held_out(p, args.val)]
    pictures = [p for p in everything if not layouts.held_out(p, args.val)]
    vocabulary = Vocabulary.of((c for p in pictures for c in p.captions), args.least_count)
    sizes = Sizes(len(vocabulary), hidden=args.width)
    args.detector = Detector(strangers=args.strangers, strange_score=args.strange_score)
    options = Options(*(getattr(args, name) for name in Options._fields))
    args.out.mkdir(parents=True, exist_ok=True)
    weights = args.out / "object_layout.safetensors"
    members = joined(args.join, vocabulary) if args.join else []
    metrics: dict[str, object] = {"train_pictures": len(pictures), "val_pictures": len(held)}
    for k in range(args.members):
        member, metrics[f"member_{k + 1}"] = train(
            pictures, held, vocabulary, sizes, options=options, seed=args.seed + k
        )
        members.append(member)
        object_layout.save(ObjectLayoutEnsemble(members), vocabulary.words, weights)
        network, _ = object_layout.load(weights)
        metrics["parameters"] = sum(p.numel() for p in network.parameters())
        if held:
            metrics["val"] = evaluate(network, held, vocabulary, 5)._asdict()
            metrics["template"] = baseline(held)._asdict()
        (args.out / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", "utf-8")
    sys.stdout.write(json.dumps({name: m for name, m in metrics.items() if "member" not in name}) + "\n")


if __name__ == "__main__":
    main()
