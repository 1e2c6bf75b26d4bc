"""Output folders as vision's commands leave them, with answers that a test chooses."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from visioncli.predictions import Classification, Detection, Duplicate, Keypoint, Neighbour, Person, Rle, Segment
from visioncli.results import Failure, ModelInfo, Record, dump_line

SIZE = 64, 48
Answer = Sequence[tuple[str, int, float]]


def draw(path: Path, seed: int = 0, size: tuple[int, int] = SIZE) -> Path:
    """A smooth picture of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    small = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(path)
    return path


def record(task: str, path: str, predictions: Iterable[Any], size: tuple[int, int] = SIZE, **fields: Any) -> Record:
    """A success."""
    model = ModelInfo(fields.pop("model", "net"), None)
    own = {"output": path.rpartition("/")[2], "ms": {"predict": 5.0}} | fields
    return Record(task, path, *size, model, tuple(predictions), **own)


def failed(
    task: str, path: str, message: str = "The file ends too early.", kind: str = "truncated_picture"
) -> Record:
    """A failure."""
    return Record(task, path, error=Failure(kind, message))


def write(folder: Path, records: Iterable[Record], name: str = "predictions.jsonl") -> Path:
    """An output folder with these records."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"".join(dump_line(one.to_json()) for one in records))
    return folder


def named(answer: Answer) -> list[Classification]:
    """Classes: `[("cat", 1, 0.8), ("dog", 2, 0.1)]`."""
    return [Classification(*one) for one in answer]


def classified(folder: Path, answers: Mapping[str, Answer], **fields: Any) -> Path:
    """What `vision classify` writes for these pictures."""
    return write(folder, (record("classify", name, named(answer), **fields) for name, answer in answers.items()))


def boxes(found: Iterable[tuple[str, int, float, Sequence[float]]]) -> list[Detection]:
    """Objects: `[("cat", 1, 0.8, (x1, y1, x2, y2))]`."""
    return [Detection(label, number, score, tuple(box)) for label, number, score, box in found]  # type: ignore[arg-type]


def detected(folder: Path, found: Mapping[str, Iterable[Any]], **fields: Any) -> Path:
    """What `vision detect` writes for these pictures."""
    return write(folder, (record("detect", name, boxes(some), **fields) for name, some in found.items()))


def similar(folder: Path, queries: Mapping[str, Mapping[str, float]], failures: Iterable[str] = ()) -> Path:
    """What `vision similar` writes: for each query its neighbours and their scores."""
    found = [
        record("similar", query, [Neighbour(name, score) for name, score in near.items()])
        for query, near in queries.items()
    ]
    return write(folder, [*found, *(failed("similar", name) for name in failures)])


def deduped(
    folder: Path, found: Mapping[str, tuple[int, str, str, float] | None], failures: Iterable[str] = ()
) -> Path:
    """What `vision dedupe` writes: for each picture its group, the kept one, its kind and its score, or None."""
    records = [
        record("dedupe", name, () if about is None else [Duplicate(*about, "the largest: 64 x 48", 2048)])
        for name, about in found.items()
    ]
    return write(folder, [*records, *(failed("dedupe", name) for name in failures)])


def rle(inside: np.ndarray) -> Rle:
    """A mask `(H, W) bool` as records have it."""
    from pycocotools import mask as coco

    found = coco.encode(np.asfortranarray(inside.astype(np.uint8)))
    return Rle((int(inside.shape[0]), int(inside.shape[1])), found["counts"].decode())


def segment(label: str, number: int, inside: np.ndarray, **fields: Any) -> Segment:
    """A mask with its area."""
    return Segment(label, number, int(inside.sum()), float(inside.mean()), rle(inside), **fields)


def person(score: float, box: Sequence[float], at: Sequence[tuple[float, float]], names: Sequence[str]) -> Person:
    """A person with joints of full score."""
    joints = tuple(Keypoint(name, x, y, 1.0) for name, (x, y) in zip(names, at, strict=True))
    return Person("person", 1, score, tuple(box), joints)  # type: ignore[arg-type]


def coco(path: Path, objects: Mapping[str, Iterable[tuple[int, Sequence[float]]]], names: Mapping[int, str]) -> Path:
    """COCO annotations: for each picture its class numbers and boxes `x1 y1 x2 y2`."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for n, (name, some) in enumerate(objects.items(), start=1):
        images.append({"id": n, "file_name": name, "width": SIZE[0], "height": SIZE[1]})
        for number, (x1, y1, x2, y2) in some:
            box = [x1, y1, x2 - x1, y2 - y1]
            annotations.append(
                {"id": len(annotations) + 1, "image_id": n, "category_id": number, "bbox": box, "iscrowd": 0}
                | {"area": box[2] * box[3]}
            )
    classes = [{"id": number, "name": name} for number, name in names.items()]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": classes}))
    return path


def table(path: Path, labels: Mapping[str, str]) -> Path:
    """A CSV of pictures and their classes."""
    lines = ["path,label", *(f"{name},{label}" for name, label in labels.items())]
    path.write_text("\n".join(lines) + "\n")
    return path
