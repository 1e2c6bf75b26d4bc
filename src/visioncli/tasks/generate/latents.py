"""What a seed stands for: the latent, the class and the noise of one picture, whatever others are made beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from visioncli.errors import UsageError
from visioncli.names import did_you_mean

PARALLEL = 1e-6
"""Sine of the angle below which two latents point the same way, or opposite ways."""


@dataclass(frozen=True, slots=True, eq=False)
class Seed:
    """`z` `(latent,) float32`, `classes` `(C,) float32` that sum to 1 where there are any, and the `noise` `(1, h, w)
    float32` of each layer that takes some."""

    z: np.ndarray
    classes: np.ndarray
    noise: tuple[np.ndarray, ...]


def drawn(
    seed: int, latent: int, classes: int, label: int | None = None, sides: Sequence[int] = ()
) -> Seed:  # fmt: skip
    """What `seed` stands for; without a `label` its class is the seed's remainder, so that seeds in a row have each.

    Chance comes from numpy's PCG64 and this seed alone.
    """
    rng = np.random.default_rng(seed)
    z = rng.standard_normal(latent, np.float32)
    noise = tuple(rng.standard_normal((1, side, side), np.float32) for side in sides)
    chosen = np.zeros(classes, np.float32)
    if classes:
        chosen[seed % classes if label is None else label] = 1
    return Seed(z, chosen, noise)


def between(a: Seed, b: Seed, share: float) -> Seed:
    """From `a` at 0 to `b` at 1: latents and noise on the arc between them, classes in a straight line."""
    if share in (0.0, 1.0):
        return b if share else a
    noise = tuple(slerp(one, other, share) for one, other in zip(a.noise, b.noise, strict=True))
    classes = ((1 - share) * a.classes + share * b.classes).astype(np.float32)
    return Seed(slerp(a.z, b.z, share), classes, noise)


def slerp(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    """Spherical linear interpolation (Shoemake, 1985) of two arrays as vectors, `share` of the way from `a` to `b`.

    Normally distributed latents have about the same length, and what lies on a straight line between two is shorter
    than any that the network has learned from. Where both point the same way, or opposite ways, the line it is.
    """
    flat_a, flat_b = a.ravel().astype(np.float64), b.ravel().astype(np.float64)
    lengths = np.linalg.norm(flat_a) * np.linalg.norm(flat_b)
    cosine = float(np.clip(flat_a @ flat_b / lengths, -1, 1)) if lengths else 1.0
    angle = np.arccos(cosine)
    if np.sin(angle) < PARALLEL:
        mixed = (1 - share) * flat_a + share * flat_b
    else:
        mixed = (np.sin((1 - share) * angle) * flat_a + np.sin(share * angle) * flat_b) / np.sin(angle)
    return np.asarray(mixed.reshape(a.shape).astype(np.float32))


def class_of(text: str, labels: dict[int, str], model: str) -> int:
    """The class that a name or number stands for. Raises UsageError."""
    if not labels:
        raise UsageError(f"{model} makes pictures of no classes: it learned from pictures without them.")
    named = [number for number, name in labels.items() if name == text]
    named = named or [number for number, name in labels.items() if name.casefold() == text.strip().casefold()]
    if named:
        return named[0]
    if text.isascii() and text.isdecimal() and int(text) in labels:
        return int(text)
    shown = ", ".join(list(labels.values())[:10]) + (" …" if len(labels) > 10 else "")
    raise UsageError(f"{model} knows no class {text!r}.{did_you_mean(text, list(labels.values()))} It knows {shown}.")
