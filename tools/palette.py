"""Chooses the class colours in `visioncli/render/colours.py` and prints them as the lines that stand there.

    python tools/palette.py [OBJECTS.jsonl]

OBJECTS.jsonl holds a line a picture with `objects: [{"category_id": 1, …}, …]`: classes that are often in one
picture then get colours far apart. Distances are those of OKLab (Ottosson 2020), as seen with ordinary eyes
and with two kinds of colour blindness (Machado et al. 2009, severity 1).
"""

import json
import sys

import numpy as np

from visioncli.models.labels import load_labels

COUNT = 80
LEAST_LIGHT, MOST_LIGHT, LEAST_CHROMA = 0.5, 0.93, 0.08
PERSON, ALONE = (0.0, 0.42, 1.0), 0.17
STEPS = 400_000

BLIND = (
    ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
)
"""What deuteranopes and protanopes see, in linear RGB."""


def linear(rgb: np.ndarray) -> np.ndarray:
    """Linear light of sRGB `(N, 3)` from 0 to 1."""
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def oklab(light: np.ndarray) -> np.ndarray:
    """OKLab `(N, 3)` of linear RGB."""
    to_lms = np.array([(0.4122, 0.5363, 0.0514), (0.2119, 0.6807, 0.1074), (0.0883, 0.2817, 0.6300)])
    to_lab = np.array([(0.2105, 0.7936, -0.0041), (1.9780, -2.4286, 0.4506), (0.0259, 0.7828, -0.8087)])
    return np.cbrt(np.clip(light, 0, 1) @ to_lms.T) @ to_lab.T


def distances(rgb: np.ndarray) -> np.ndarray:
    """`(N, N)`: how far apart colours look, to colour-blind eyes twice as far, or nothing would be far enough."""
    light = linear(rgb)
    views = [(1.0, oklab(light)), *((2.0, oklab(light @ np.array(matrix).T)) for matrix in BLIND)]
    return np.min([w * np.linalg.norm(lab[:, None] - lab[None], axis=2) for w, lab in views], axis=0)


def spread() -> np.ndarray:
    """`COUNT` colours `(COUNT, 3)` from 0 to 1, each as far from those before it as can be."""
    steps = np.linspace(0, 1, 18)
    rgb = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    lab = oklab(linear(rgb))
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    rgb = rgb[(lab[:, 0] > LEAST_LIGHT) & (lab[:, 0] < MOST_LIGHT) & (chroma > LEAST_CHROMA)]
    apart = distances(rgb)
    chosen = [int(np.argmin(np.abs(rgb - PERSON).sum(axis=1)))]
    # People are in most pictures: no other class comes near their colour.
    alone = apart[chosen[0]] > ALONE
    alone[chosen] = True
    rgb, apart, chosen = rgb[alone], apart[np.ix_(alone, alone)], [int(alone[: chosen[0]].sum())]
    for _ in range(COUNT - 1):
        chosen.append(int(np.argmax(apart[:, chosen].min(axis=1))))
    return rgb[chosen]


def company(path: str | None) -> np.ndarray:
    """`(COUNT, COUNT)`: how much it matters that two of COCO's classes, in their order, differ."""
    place = {label_id: n for n, label_id in enumerate(load_labels("coco"))}
    order = np.arange(COUNT)
    gap = np.abs(order[:, None] - order[None])
    weights = np.exp(-np.minimum(gap, COUNT - gap) / 3.0)
    if path:
        together = np.zeros((COUNT, COUNT))
        with open(path, encoding="utf-8") as file:
            for line in file:
                found = sorted({place[o["category_id"]] for o in json.loads(line)["objects"]})
                together[np.ix_(found, found)] += 1
        weights += 4 * np.sqrt(together / together[~np.eye(COUNT, dtype=bool)].max())
    return weights * (gap > 0)


def assigned(rgb: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The colours in the order of the classes, the first as it is: simulated annealing, swapping two at a time."""
    rng = np.random.default_rng(0)
    force = 1 / (distances(rgb) + 1e-3 + np.eye(len(rgb))) ** 3
    order = np.arange(len(rgb))
    for step in range(STEPS):
        a, b = rng.integers(1, len(rgb), 2)
        swapped = order.copy()
        swapped[[a, b]] = order[[b, a]]
        change = sum((weights[k] * (force[swapped[k], swapped] - force[order[k], order])).sum() for k in (a, b))
        if change < 0 or rng.random() < np.exp(-change / (2000 * (1 - step / STEPS) ** 2 + 1e-9)):
            order = swapped
    return rgb[order]


if __name__ == "__main__":
    colours = assigned(spread(), company(sys.argv[1] if len(sys.argv) > 1 else None))
    texts = ["".join(f"{round(255 * v):02x}" for v in colour) for colour in colours]
    for n in range(0, COUNT, 16):
        sys.stdout.write(f'    "{"".join(texts[n : n + 16])}"\n')
