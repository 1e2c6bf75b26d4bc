"""Which known network a checkpoint looks like, without building any.

Of each network a bottom-k sketch is kept (Broder, 1997, "On the resemblance and containment of documents"): the 32
smallest hashes among those of its tensors' names and shapes. The share of them that a checkpoint has too estimates
how much of the network it holds.
"""

import zlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

SKETCH = 32
FILE = Path(__file__).parents[1] / "models" / "rows" / "signatures.txt"
# Below this share a name would mislead.
_LIKELY = 0.5


def tensor_hashes(shapes: Iterable[tuple[str, tuple[int, ...]]]) -> list[int]:
    """One hash a tensor (name and shape), sorted. Counters of batch normalisation do not count."""
    return sorted(zlib.crc32(f"{n}{tuple(s)}".encode()) for n, s in shapes if not n.endswith("num_batches_tracked"))


@cache
def _known() -> dict[str, tuple[int, tuple[int, ...]]]:
    known = {}
    for line in FILE.read_text(encoding="ascii").splitlines():
        name, count, *hashes = line.split()
        known[name] = (int(count), tuple(int(h, 16) for h in hashes))
    return known


def rank(shapes: Mapping[str, tuple[int, ...]]) -> list[tuple[str, float]]:
    """Known networks and how alike `shapes` (tensor name -> shape) is to them, 0 to 1, best first."""
    hashes = set(tensor_hashes(shapes.items()))
    ranked = []
    for name, (count, sketch) in _known().items():
        shared = sum(h in hashes for h in sketch) / len(sketch)
        ranked.append((name, shared * min(count, len(hashes)) / max(count, len(hashes), 1)))
    return sorted(ranked, key=lambda entry: -entry[1])


def likeliest(state: "Mapping[str, Tensor]") -> str:
    """The name of the best match; empty where nothing is alike."""
    name, share = rank({n: tuple(t.shape) for n, t in state.items()})[0]
    return name if share >= _LIKELY else ""
