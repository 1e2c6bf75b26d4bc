"""`object_layout`: a caption network that sees nothing but a list of detected objects.

Objects with class, place and size go in, as in Obj2Text (Yin and Ordonez 2017, arXiv:1707.07102). A
recurrent decoder attends to them for each word, as in Show, Attend and Tell (Xu et al. 2015,
arXiv:1502.03044), with additive attention between two layers (Anderson et al. 2018, arXiv:1707.07998).
"""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from visioncli.errors import ModelUnavailable

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
Step = Callable[[IntArray, FloatArray], tuple[FloatArray, FloatArray, FloatArray]]

WEIGHTS = Path(__file__).parents[1] / "models" / "data" / "object_layout.safetensors"
ABOUT, SCALE = "object_layout", ":scale"

LABELS = 91
"""COCO category ids run from 1 to 90; 0 pads."""

GEOMETRY = 9
"""Numbers that describe an object beside its class: see `visioncli.tasks.caption.beam_search.object_features`."""

FAR = -1e4
"""Energy of a row that attention must not see; finite, so that half precision keeps it."""

SIZE_COLUMN, SCORE_COLUMN = 6, 7


class Sizes(NamedTuple):
    """Widths of one network."""

    vocabulary: int
    word: int = 160
    memory: int = 160
    hidden: int = 256
    layers: int = 1
    heads: int = 4


class Block(nn.Module):
    """Self-attention and a small network, each on normalised input and added (Vaswani et al. 2017)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before = nn.LayerNorm(width)
        self.mix = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.middle = nn.LayerNorm(width)
        self.feed = nn.Sequential(
            nn.Linear(width, 2 * width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, rows: Tensor, present: Tensor) -> Tensor:
        """`rows` (B, M, D) after each has seen those that are `present` (B, M)."""
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in self.mix(self.before(rows)).chunk(3, dim=-1)
        )
        energy = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        weights = energy.masked_fill(~present[:, None, None], FAR).softmax(-1)
        seen = (weights @ value).transpose(1, 2).flatten(2)
        rows = rows + self.dropout(self.out(seen))
        changed: Tensor = rows + self.dropout(self.feed(self.middle(rows)))
        return changed


class ObjectEncoder(nn.Module):
    """Objects to memory: an embedding each, and one row first that sums up the whole picture."""

    def __init__(self, sizes: Sizes, dropout: float) -> None:
        super().__init__()
        width = sizes.memory
        self.label = nn.Embedding(LABELS, width, padding_idx=0)
        self.geometry = nn.Sequential(nn.Linear(GEOMETRY, 64), nn.ReLU(), nn.Linear(64, width))
        self.scene = nn.Linear(3 * LABELS, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, sizes.heads, dropout) for _ in range(sizes.layers))

    def forward(self, labels: Tensor, geometry: Tensor, present: Tensor) -> Tensor:
        """Memory `(B, 1 + N, D)` float32: the whole picture, then each object.

        `labels` (B, N) int64, `geometry` (B, N, 9) float32, `present` (B, N) bool: false where a row pads.
        """
        scene = self.scene(_evidence(labels, geometry, present))
        objects = self.label(labels) + self.geometry(geometry)
        memory: Tensor = self.dropout(self.norm(torch.cat([scene.unsqueeze(1), objects], dim=1)))
        for block in self.blocks:
            memory = block(memory, with_scene(present))
        return memory


def with_scene(present: Tensor) -> Tensor:
    """The mask `(B, 1 + N)` of memory rows for a mask `(B, N)` of objects: the scene's row always counts."""
    return torch.cat([present.new_ones(present.shape[0], 1), present], dim=1)


def _evidence(labels: Tensor, geometry: Tensor, present: Tensor) -> Tensor:
    """What was seen of each class `(B, 3 * 91)`: highest score, log of 1 + summed scores, largest size."""
    is_label = (labels.unsqueeze(-1) == torch.arange(LABELS)) & present.unsqueeze(-1)
    # A row of zeros keeps the maximum defined for a picture without objects.
    seen = nn.functional.pad(is_label.to(geometry.dtype), (0, 0, 0, 1))
    numbers = nn.functional.pad(geometry, (0, 0, 0, 1))
    scored = seen * numbers[..., SCORE_COLUMN : SCORE_COLUMN + 1]
    size = seen * numbers[..., SIZE_COLUMN : SIZE_COLUMN + 1]
    return torch.cat([scored.amax(1), torch.log1p(scored.sum(1)), size.amax(1)], dim=-1)


class AdditiveAttention(nn.Module):
    """Weights over memory rows from a small network of query and row (Bahdanau et al. 2015)."""

    def __init__(self, query: int, memory: int, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(query, width)
        self.memory = nn.Linear(memory, width, bias=False)
        self.energy = nn.Linear(width, 1, bias=False)

    def forward(self, query: Tensor, memory: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Context `(B, T, D)` and weights `(B, T, M)` for `query` (B, T, Q) over `memory` (B, M, D)."""
        mixed = torch.tanh(self.query(query).unsqueeze(2) + self.memory(memory).unsqueeze(1))
        energy = self.energy(mixed).squeeze(-1).masked_fill(~rows.unsqueeze(1), FAR)
        weights = energy.softmax(-1)
        return weights @ memory, weights


class ObjectLayout(nn.Module):
    """Encoder and decoder. Training calls `forward`; beam search calls `encode` once, then `step` by step."""

    def __init__(self, sizes: Sizes, dropout: float = 0.0) -> None:
        super().__init__()
        self.sizes = sizes
        self.encoder = ObjectEncoder(sizes, dropout)
        self.word = nn.Embedding(sizes.vocabulary, sizes.word, padding_idx=0)
        self.language = nn.LSTM(sizes.word + sizes.memory, sizes.hidden, batch_first=True)
        self.attention = AdditiveAttention(sizes.hidden, sizes.memory, 128)
        self.speech = nn.LSTM(sizes.hidden + sizes.memory, sizes.hidden, batch_first=True)
        self.to_word = nn.Linear(2 * sizes.hidden + sizes.memory, sizes.word)
        self.bias = nn.Parameter(torch.zeros(sizes.vocabulary))
        self.dropout = nn.Dropout(dropout)
        nn.init.normal_(self.word.weight, std=0.1)
        nn.init.normal_(self.encoder.label.weight, std=0.1)

    def forward(self, words: Tensor, memory: Tensor, present: Tensor) -> Tensor:
        """Logits `(W, V)` of what follows each of `words` (B, T) that is no padding, row after row."""
        zero = memory.new_zeros(words.shape[0], 4, self.sizes.hidden)
        said, _, _ = self._decode(words, zero, memory, present)
        return self._logits(said[words != 0])

    def encode(self, labels: Tensor, geometry: Tensor, present: Tensor) -> Tensor:
        """Memory `(B, 1 + N, D)`: row 0 is the whole picture, the others are the objects in their order."""
        memory: Tensor = self.encoder(labels, geometry, present)
        return memory

    def step(self, word: Tensor, state: Tensor, memory: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One word further.

        `word` (B,) int64, `state` (B, 4, H) float32 (zeros at the start), `memory` from `encode`, `present`
        (B, N) bool. Returns log-probabilities (B, V), the next state (B, 4, H), and the attention over
        memory rows (B, 1 + N).
        """
        said, state, weights = self._decode(word.unsqueeze(1), state, memory, present)
        return self._logits(said.squeeze(1)).log_softmax(-1), state, weights.squeeze(1)

    def _logits(self, said: Tensor) -> Tensor:
        logits: Tensor = self.dropout(self.to_word(said)) @ self.word.weight.T + self.bias
        return logits

    def _decode(self, words: Tensor, state: Tensor, memory: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        scene = memory[:, :1].expand(-1, words.shape[1], -1)
        heard = torch.cat([self.dropout(self.word(words)), scene], dim=-1)
        h1, c1, h2, c2 = (part.transpose(0, 1).contiguous() for part in state.chunk(4, dim=1))
        language, (h1, c1) = self.language(heard, (h1, c1))
        language = self.dropout(language)
        context, weights = self.attention(language, memory, with_scene(present))
        speech, (h2, c2) = self.speech(torch.cat([language, context], dim=-1), (h2, c2))
        said = torch.cat([self.dropout(speech), language, context], dim=-1)
        return said, torch.cat([h1, c1, h2, c2]).transpose(0, 1), weights


class ObjectLayoutEnsemble(nn.Module):
    """Several networks that speak as one: the mean of their word probabilities."""

    def __init__(self, members: list[ObjectLayout]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.sizes = members[0].sizes

    def encode(self, labels: Tensor, geometry: Tensor, present: Tensor) -> Tensor:
        """Memories `(B, 1 + N, members * D)`, side by side."""
        return torch.cat([m.encode(labels, geometry, present) for m in self._networks()], dim=-1)

    def step(self, word: Tensor, state: Tensor, memory: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `ObjectLayout.step`, with a state `(B, members * 4, H)`; the attention is the members' mean."""
        count = len(self.members)
        rows = zip(self._networks(), state.chunk(count, dim=1), memory.chunk(count, dim=-1), strict=True)
        told = [member.step(word, s, m, present) for member, s, m in rows]
        mean = torch.stack([t[0] for t in told]).exp().mean(0).clamp_min(1e-12).log()
        weights = torch.stack([t[2] for t in told]).mean(0)
        return mean, torch.cat([t[1] for t in told], dim=1), weights

    def _networks(self) -> list[ObjectLayout]:
        return [member for member in self.members if isinstance(member, ObjectLayout)]


def build(sizes: Sizes, members: int = 1) -> ObjectLayoutEnsemble:
    """An untrained ensemble in evaluation mode."""
    return ObjectLayoutEnsemble([ObjectLayout(sizes) for _ in range(members)]).eval()


def listen(network: ObjectLayoutEnsemble, labels: IntArray, geometry: FloatArray) -> tuple[Step, FloatArray]:
    """A numpy `step(words, state)` for beam search over one picture's objects, and its first state.

    `labels` (N,) int64 and `geometry` (N, 9) float32 are fields of `captioning.ObjectFeatures`.
    """
    present = torch.ones(1, len(labels), dtype=torch.bool)
    with torch.inference_mode():
        memory = network.encode(torch.from_numpy(labels)[None], torch.from_numpy(geometry)[None], present)

    def step(words: IntArray, state: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        rows = len(words)
        with torch.inference_mode():
            told = network.step(
                torch.from_numpy(words),
                torch.from_numpy(state),
                memory.expand(rows, -1, -1),
                present.expand(rows, -1),
            )
        return told[0].numpy(), told[1].numpy(), told[2].numpy()

    return step, np.zeros((1, 4 * len(network.members), network.sizes.hidden), np.float32)


def save(network: ObjectLayoutEnsemble, words: Sequence[str], path: Path) -> None:
    """Write weights, sizes and vocabulary to one safetensors file.

    Matrices are stored as int8 with one float32 scale a row (the tensor `NAME:scale`), all else as float32:
    a quarter of the size, and word probabilities move by less than the networks differ among themselves.
    """
    tensors: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        if tensor.dim() == 2:
            scale = tensor.abs().amax(1, keepdim=True).clamp_min(1e-12) / 127
            tensors[name] = (tensor / scale).round().to(torch.int8)
            tensors[name + SCALE] = scale.squeeze(1).contiguous()
        else:
            tensors[name] = tensor.contiguous()
    about = {"sizes": network.sizes._asdict(), "members": len(network.members), "vocabulary": list(words)}
    # One entry: several would be written in an order that changes from run to run.
    save_file(tensors, path, {ABOUT: json.dumps(about)})


def load(path: Path | None = None) -> tuple[ObjectLayoutEnsemble, tuple[str, ...]]:
    """The network of `path`, by default the one in this package, and the words of its vocabulary.

    Raises ModelUnavailable when the file is missing or broken, or a tensor missing, left over or misshapen.
    """
    path = path or WEIGHTS
    try:
        with safe_open(path, "pt") as file:
            about = json.loads((file.metadata() or {})[ABOUT])
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        network = build(Sizes(**about["sizes"]), about["members"])
        scales = {name: stored.pop(name) for name in list(stored) if name.endswith(SCALE)}
        for name, scale in scales.items():
            matrix = name.removesuffix(SCALE)
            stored[matrix] = stored[matrix].float() * scale.unsqueeze(1)
        network.load_state_dict(stored)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelUnavailable(
            f"{path} does not hold the weights of object_layout: {error}. Install visioncli again."
        ) from error
    return network, tuple(about["vocabulary"])
