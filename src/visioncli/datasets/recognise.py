"""Which format a file or folder has, and the reader for it."""

from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from visioncli.datasets import coco_json, csv_boxes, label_maps, vision_jsonl, voc, yolo
from visioncli.datasets.file_bytes import exists, open_bytes, refuse_binary, unreadable
from visioncli.datasets.interface import Dataset, DatasetError, ReadOptions
from visioncli.datasets.picture_sizes import pictures_in
from visioncli.earlier_results import PREDICTIONS


class Format(StrEnum):
    """A format of annotations or detections."""

    COCO = coco_json.NAME
    JSONL = vision_jsonl.NAME
    YOLO = yolo.NAME
    VOC = voc.NAME
    CSV = csv_boxes.NAME
    LABELMAP = label_maps.NAME


READERS = {
    Format.COCO: coco_json.read,
    Format.JSONL: vision_jsonl.read,
    Format.YOLO: yolo.read,
    Format.VOC: voc.read,
    Format.CSV: csv_boxes.read,
}

BY_SUFFIX = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".csv": Format.CSV,
    ".txt": Format.YOLO,
    ".xml": Format.VOC,
}


def recognise(path: Path) -> Format:
    """The format of a file or folder, by suffix and, for JSON, by its first line. Raises DatasetError."""
    if not exists(path):
        raise DatasetError(f"{path}: there is no such file or folder.", "not_found")
    if path.is_dir():
        return _of_folder(path)
    suffix = path.suffix.lower()
    if suffix in BY_SUFFIX:
        return BY_SUFFIX[suffix]
    if suffix in label_maps.SUFFIXES:
        return Format.LABELMAP
    try:
        with open_bytes(path) as file:
            start = (file.read(1 << 16) or b"").lstrip(b"\xef\xbb\xbf \t\r\n")
    except OSError as problem:
        raise unreadable(path, problem) from None
    if not start:
        raise DatasetError(f"{path}: the file is empty.")
    opening = start.lstrip(b"[ \r\n\t")[:200] if start[:1] in b"[{" else b""
    if b'"vision/' in opening or b'"input"' in opening:
        return Format.JSONL
    if start[:1] in b"[{" or suffix == ".json":
        return Format.COCO
    if start[:1] == b"<":
        return Format.VOC
    if csv_boxes.is_header(start.split(b"\n", 1)[0].decode("utf-8", "replace")):
        return Format.CSV
    refuse_binary(start, path)
    raise DatasetError(
        f"{path}: the format is not recognised; name it with --truth-format or --predictions-format "
        f"({', '.join(Format)})."
    )


def _of_folder(path: Path) -> Format:
    if (path / PREDICTIONS).is_file():
        return Format.JSONL
    if yolo.label_files(path):
        return Format.YOLO
    if voc.annotation_files(path):
        return Format.VOC
    if any(p.suffix.lower() in label_maps.SUFFIXES for p in pictures_in(path)):
        return Format.LABELMAP
    raise DatasetError(
        f"{path}: this folder holds no {PREDICTIONS}, no YOLO .txt, no VOC .xml and no label maps; "
        "name the format if it is one of them."
    )


def read(path: Path, form: Format, options: ReadOptions) -> Dataset:
    """Read a file or folder of a known format that holds objects (not label maps). Raises DatasetError."""
    if not exists(path):
        raise DatasetError(f"{path}: there is no such file or folder.", "not_found")
    if form is Format.LABELMAP:
        raise DatasetError(f"{path}: a label map has no boxes; compare it with another label map.")
    if path.is_dir():
        if form is Format.JSONL:
            records, warnings = vision_jsonl.records_in(path, options)
            found = vision_jsonl.read(records, options)
            return replace(found, warnings=(*warnings, *found.warnings))
        if form in (Format.COCO, Format.CSV):
            raise DatasetError(f"{path}: this is a folder; {form} is one file.")
    return READERS[form](path, options)
