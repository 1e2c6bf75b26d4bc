"""Names of categories, one text file a data set: `id name` on each line."""

from functools import cache
from pathlib import Path


@cache
def load_labels(labels: str | tuple[tuple[int, str], ...]) -> dict[int, str]:
    """Category id -> name, in the file's order, of `imagenet1k`, `coco`, `voc` or `audioset`; or of the pairs
    themselves."""
    if not isinstance(labels, str):
        return dict(labels)
    lines = (Path(__file__).parent / f"{labels}.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split(" ", 1) for line in lines if line)
    return {int(number): label for number, label in pairs}


@cache
def imagenet_wnids() -> tuple[str, ...]:
    """WordNet's names of the classes of `imagenet1k`, in its order: what ImageNet's folders are called."""
    return tuple((Path(__file__).parent / "imagenet1k_wnids.txt").read_text(encoding="utf-8").split())
