"""Masks as Label Studio's brush has them: run lengths of RGBA samples, packed into bits.

The format is that of thi.ng's rle-pack: 32 bits for the number of samples, 5 for the word size less 1, four times 4
for the sizes of run lengths less 1; then, for each run, a 1, which of the sizes (2 bits), its length less 1, its value.
"""

import numpy as np

_SIZES = (3, 4, 8, 16)
"""Bits of a run length; the shortest that holds it is taken."""
_WORD = 8
_CHANNELS = 4


def brush(mask: np.ndarray) -> list[int]:
    """Bytes, 0 to 255, of a mask `(H, W) bool`: opaque white where it is true, nothing elsewhere."""
    pixels = np.ascontiguousarray(mask, bool).ravel()
    head = f"{pixels.size * _CHANNELS:032b}{_WORD - 1:05b}" + "".join(f"{size - 1:04b}" for size in _SIZES)
    starts = np.concatenate([[0], np.flatnonzero(pixels[1:] != pixels[:-1]) + 1, [pixels.size]])
    lengths = np.diff(starts) * _CHANNELS
    values = pixels[starts[:-1]]
    bits = [head]
    for length, inside in zip(lengths.tolist(), values.tolist(), strict=True):
        value = f"{255 if inside else 0:0{_WORD}b}"
        for begun in range(0, length, 1 << _SIZES[-1]):
            run = min(length - begun, 1 << _SIZES[-1])
            which = next(n for n, size in enumerate(_SIZES) if run <= 1 << size)
            bits.append(f"1{which:02b}{run - 1:0{_SIZES[which]}b}{value}")
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8, "big"))
