"""Small grey pictures: their perceptual hash, and whether one of them is the other one, cut or shifted a little.

Features say that two pictures show the same kind of thing. That they are one picture shows when the one is laid over
the other: a thumbnail is fitted to the other by scale, shift, contrast and brightness (Lucas and Kanade, 1981, with
the gain and offset of Evangelidis and Psarakis, 2008, https://doi.org/10.1109/TPAMI.2008.113), and what is left over
tells a copy, in which the rest is spread out, from the next frame of a burst, in which it lies where something moved.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 64
"""Pixels of a thumbnail on a side, whatever the picture's shape is."""
_COARSE = 32
_STEPS = {_COARSE: 8, SIDE: 3}
_LYING = 0.998
"""Score from which on a pair lies right as it is."""
_PAIRS = 32
"""Pairs that are fitted at once: what they take then stays in the processor's cache."""
_BLOCK = 8
_DAMPING = 1e-3
_FLAT = 3.0
"""Levels of grey: thumbnails that vary less say nothing."""
_WHITE = 245 - 128
_TOLD = 0.3
"""Part of the pixels that must not be white for these to be left out."""
_HASH_SIDE, _HASH_BITS = 32, 8

Floats = NDArray[np.float32]


def thumbnail(image: Image.Image) -> np.ndarray:
    """A picture of mode RGB -> `(SIDE, SIDE) uint8`, its luma (ITU-R BT.601)."""
    # By areas first: a picture of 40 million pixels would take longer than its decoding.
    small = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(small.convert("L"))


def hashes(thumbnails: np.ndarray) -> NDArray[np.uint64]:
    """`(N, SIDE, SIDE) uint8` -> `(N,) uint64`: the lowest 8 x 8 frequencies of each, above their median or not.

    The perceptual hash of Zauner, 2010 (https://www.phash.org/docs/pubs/thesis_zauner.pdf), as the library imagehash
    computes it but for the resampling; that one needs SciPy and PyWavelets where one matrix does.
    """
    means = _halved(thumbnails.astype(np.float32))
    k, n = np.arange(_HASH_BITS)[:, None], np.arange(_HASH_SIDE)[None]
    basis = np.cos(np.pi * k * (2 * n + 1) / (2 * _HASH_SIDE)).astype(np.float32)
    low = (basis @ means @ basis.T).reshape(len(means), -1)
    bits = low > np.median(low, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(np.uint64)[:, 0]


@dataclass(frozen=True, slots=True, eq=False)
class Fits:
    """How P pairs of thumbnails lie over each other.

    `score` `(P,) float32` is the square root of how much of the second one's variance the first one explains, up to a
    curve of tones, where they overlap: 0 for nothing, 1 for all; `worst` `(P,)` the largest root mean square of what
    is left over in a block of 8 x 8 pixels, as a share of the picture's own standard deviation; `inside` `(P,)` the
    part of the second picture that lies in the first one; `warp` `(P, 4)` are scale and shift of x, then of y, in
    widths and heights: a place u of the second one, from its middle, is at `scale * u + shift` of the first.
    """

    score: Floats
    worst: Floats
    inside: Floats
    warp: Floats


def fit(first: np.ndarray, second: np.ndarray, promising: float = 0.6) -> Fits:
    """Lays each of `second` over its fellow in `first`, both `(P, SIDE, SIDE) uint8`.

    Pairs whose score is below `promising` after a coarse fit keep that one.
    """
    parts = [
        _fit(first[at : at + _PAIRS], second[at : at + _PAIRS], promising) for at in range(0, len(first), _PAIRS)
    ]
    if not parts:
        none = np.zeros(0, np.float32)
        return Fits(none, none, none, np.zeros((0, 4), np.float32))
    return Fits(*(np.concatenate([getattr(p, f) for p in parts]) for f in Fits.__dataclass_fields__))


def _fit(first: np.ndarray, second: np.ndarray, promising: float) -> Fits:
    # Around zero, so that contrast and brightness are nearly independent.
    a, b = first.astype(np.float32) - 128, second.astype(np.float32) - 128
    warp = np.tile(np.array([1, 0, 1, 0], np.float32), (len(a), 1))
    score, worst, inside = _judged(a, b, warp)
    loose = np.flatnonzero(score < _LYING)
    if len(loose):
        coarse_a, coarse_b = _halved(a[loose]), _halved(b[loose])
        warp[loose] = _refined(coarse_a, coarse_b, warp[loose], _STEPS[_COARSE])
        score[loose], worst[loose], inside[loose] = _judged(coarse_a, coarse_b, warp[loose])
    good = loose[score[loose] >= promising]
    if len(good):
        warp[good] = _refined(a[good], b[good], warp[good], _STEPS[SIDE])
        score[good], worst[good], inside[good] = _judged(a[good], b[good], warp[good])
    return Fits(score, worst, inside, warp)


def _halved(pixels: Floats) -> Floats:
    p, h, w = pixels.shape
    found: Floats = pixels.reshape(p, h // 2, 2, w // 2, 2).mean(axis=(2, 4))
    return found


def _refined(a: Floats, b: Floats, warp: Floats, steps: int) -> Floats:
    """Gauss-Newton on scale and shift, with contrast and brightness solved for in each step."""
    across = np.gradient(a, axis=2) * a.shape[2]
    down = np.gradient(a, axis=1) * a.shape[1]
    u = (np.arange(a.shape[2], dtype=np.float32) + 0.5) / a.shape[2] - 0.5
    v = u[:, None]
    target = b.reshape(len(b), -1, 1)
    for _ in range(steps):
        (moved, gx, gy), inside = _sampled((a, across, down), warp)
        columns = np.stack(
            [gx * u, gx, gy * v, gy, moved, np.ones_like(moved)],
            axis=-1,
        ).reshape(len(a), -1, 6)
        weighted = columns * inside.reshape(len(a), -1, 1)
        left = weighted.transpose(0, 2, 1) @ columns
        right = weighted.transpose(0, 2, 1) @ target
        # Flat pictures say nothing of where they lie: damped, the step stays finite (Marquardt, 1963).
        damped = left.astype(np.float64)
        damped[:, range(6), range(6)] *= 1 + _DAMPING
        damped[:, range(6), range(6)] += 1e-3
        solved = np.linalg.solve(damped, right.astype(np.float64))[..., 0].astype(np.float32)
        gain = solved[:, 4:5]
        step = np.where(np.abs(gain) > 0.1, solved[:, :4] / np.where(np.abs(gain) > 0.1, gain, 1), 0)
        warp = warp + np.clip(step, -0.1, 0.1)
        warp[:, [0, 2]] = np.clip(warp[:, [0, 2]], 0.6, 1.7)
        warp[:, [1, 3]] = np.clip(warp[:, [1, 3]], -0.35, 0.35)
    return warp


def _sampled(layers: tuple[Floats, ...], warp: Floats) -> tuple[list[Floats], NDArray[np.bool_]]:
    """Each of the `layers` `(P, h, w)` where the warp leads, bilinearly, and which places lie inside."""
    pairs, h, w = layers[0].shape
    u = (np.arange(w, dtype=np.float32) + 0.5) / w - 0.5
    x = (warp[:, 0:1] * u + warp[:, 1:2] + 0.5) * w - 0.5
    y = (warp[:, 2:3] * u + warp[:, 3:4] + 0.5) * h - 0.5
    inside = ((x >= -0.5) & (x <= w - 0.5))[:, None, :] & ((y >= -0.5) & (y <= h - 0.5))[:, :, None]
    x, y = np.clip(x, 0, w - 1.001), np.clip(y, 0, h - 1.001)
    left, top = x.astype(np.intp), y.astype(np.intp)
    fx, fy = (x - left)[:, None, :], (y - top)[:, :, None]
    every = np.arange(pairs)[:, None]
    found = []
    for layer in layers:
        # Scale and shift only: columns and rows are resampled one after the other.
        rows = layer[every, top] * (1 - fy) + layer[every, top + 1] * fy
        turned = rows.transpose(0, 2, 1)
        both = turned[every, left].transpose(0, 2, 1) * (1 - fx) + turned[every, left + 1].transpose(0, 2, 1) * fx
        found.append(both)
    return found, inside


def _judged(a: Floats, b: Floats, warp: Floats) -> tuple[Floats, Floats, Floats]:
    (moved,), inside = _sampled((a,), warp)
    # Resampling blurs; what is compared is blurred more than that.
    moved, b = _blurred(moved), _blurred(b)
    covered = inside.mean(axis=(1, 2), dtype=np.float32)
    # What one of the two shows as white says nothing of the other one, which may have been brightened.
    told = inside & (moved < _WHITE) & (b < _WHITE)
    weight = np.where(told.mean(axis=(1, 2), keepdims=True) >= _TOLD, told, inside).astype(np.float32)
    count = np.maximum(weight.sum(axis=(1, 2)), 1)

    def mean(x: Floats) -> Floats:
        found: Floats = (x * weight).sum(axis=(1, 2)) / count
        return found

    vb = mean((b - mean(b)[:, None, None]) ** 2)
    va = mean((moved - mean(moved)[:, None, None]) ** 2)
    left = ((b - _toned(moved, b, weight)) * weight) ** 2
    explained = 1 - left.sum(axis=(1, 2)) / count / np.maximum(vb, 1e-6)
    known = (va > _FLAT**2) & (vb > _FLAT**2)
    score = np.where(known, np.sqrt(np.clip(explained, 0, 1)), 0).astype(np.float32)
    pairs, h, w = left.shape
    size = _BLOCK * h // SIDE
    blocks = left.reshape(pairs, h // size, size, w // size, size).mean(axis=(2, 4))
    worst = np.sqrt(blocks.max(axis=(1, 2)) / np.maximum(vb, 1e-6)).astype(np.float32)
    return score, worst, covered


def _toned(moved: Floats, b: Floats, weight: Floats) -> Floats:
    """`moved` in the tones of `b`: the polynomial of its levels that comes nearest, so that contrast, brightness,
    gamma and what they cut off are no differences."""
    x = (moved / 128).reshape(len(moved), -1, 1)
    columns = np.concatenate([np.ones_like(x), x, x**2, x**3], axis=2).astype(np.float64)
    weighted = columns * weight.reshape(len(moved), -1, 1)
    left = weighted.transpose(0, 2, 1) @ columns + 1e-3 * np.eye(4)
    solved = np.linalg.solve(left, weighted.transpose(0, 2, 1) @ b.reshape(len(b), -1, 1))
    return (columns @ solved).reshape(b.shape).astype(np.float32)


def _blurred(pixels: Floats) -> Floats:
    """By a binomial filter of three pixels."""
    for axis in (1, 2):
        before, after = (np.take(pixels, _clipped(pixels.shape[axis], n), axis=axis) for n in (-1, 1))
        pixels = np.asarray((before + 2 * pixels + after) / 4, np.float32)
    return pixels


def _clipped(length: int, by: int) -> NDArray[np.intp]:
    return np.clip(np.arange(length) + by, 0, length - 1)
