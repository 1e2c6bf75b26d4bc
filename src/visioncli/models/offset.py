"""How far masks lie beside what they mark, in words."""

MOST_OFFSET = 16.0
"""So many pixels at most, down or to the right, may that be."""
_WAYS = (("above", "below"), ("left of", "right of"))


def words(offset: tuple[float, float]) -> str:
    """Pixels down and to the right, in words after which comes of what: `0.6 pixels above and 0.2 pixels left of`."""
    parts = [
        f"{abs(pixels):.1f} pixels {ways[pixels > 0]}"
        for pixels, ways in zip(offset, _WAYS, strict=True)
        if round(abs(pixels), 1)
    ]
    return " and ".join(parts)
