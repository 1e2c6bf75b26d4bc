"""What each name that `--format` takes makes. A run imports only the sinks that it uses."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from visioncli.errors import UsageError
from visioncli.names import did_you_mean
from visioncli.sinks.documents import DocumentSink
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import PictureSink
from visioncli.sinks.names import FORMATS
from visioncli.tasks.pose.joints import ANGLES, KEYPOINT_NAMES

if TYPE_CHECKING:
    from visioncli.sinks.map_features import Shapes

PER_PICTURE = ("yolo", "voc", "xmp")
"""Formats that are files for each picture and so need an output folder."""

_BOX = ("x1", "y1", "x2", "y2")
_KEYPOINTS = tuple(f"{name}_{part}" for name in KEYPOINT_NAMES for part in ("x", "y", "score"))
CSV_COLUMNS: dict[str, tuple[str, ...]] = {
    "classify": ("label", "label_id", "score"),
    "detect": ("label", "label_id", "score", *_BOX),
    "segment": ("label", "label_id", "score", *_BOX, "area", "share"),
    "pose": ("label", "label_id", "score", *_BOX, *_KEYPOINTS, *ANGLES),
    "gradcam": ("label", "label_id", "score", *_BOX, "peak_x", "peak_y", "energy", "model", "method", "layer"),
    "caption": ("caption", "log_probability"),
    "similar": ("picture", "score"),
    "dedupe": ("group", "of", "kind", "score", "bytes", "why"),
    "generate": ("seed", "truncation", "label", "label_id", "latent", "distance"),
    "spectrogram": (
        *("frames", "bands", "hop_s", "lowest_hz", "highest_hz", "lowest_db", "highest_db", "peak_s", "peak_hz"),
    ),
    "stylize": ("style", "method", "strength", "keep_colours", "width", "height", "stroke"),
}
_FRAME = ("frame", "time_s")
VIDEO_COLUMNS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("classify", "segment", "gradcam", "caption", "stylize"), _FRAME),
    **dict.fromkeys(("detect", "pose"), (*_FRAME, "track")),
}
"""What a table tells of frames and what is followed over them; empty cells where the input is a picture."""


@dataclass(frozen=True, slots=True)
class SinkOptions:
    """Options of a command that shape its files but not its records."""

    images: Path | None = None
    crops: bool = False
    yolo_scores: bool = False
    yolo_pictures: bool = True
    masks: bool = False
    cutout: bool = False
    background: str | None = None
    raw_maps: str | None = None
    explain: bool = False
    vectors: bool = False
    centerline: str | None = None
    tolerance: float | None = None


def parse_formats(given: list[str] | None, task: str, *, to_stdout: bool) -> list[str]:
    """The formats asked for, once each. Raises UsageError for an unknown or impossible one."""
    names = [n.strip() for text in given or [] for n in text.split(",") if n.strip()]
    known = FORMATS[task]
    for name in names:
        if name not in (*known, "jsonl"):
            near = did_you_mean(name, known)
            raise UsageError(f"vision {task} cannot write {name!r}.{near} Formats: jsonl, {', '.join(known)}.")
    chosen = [n for n in dict.fromkeys(names) if n != "jsonl"]
    if to_stdout and len(chosen) > 1:
        raise UsageError(f"Standard output takes one format, not {' and '.join(chosen)}. Give a folder with -o.")
    if to_stdout and chosen and chosen[0] in PER_PICTURE:
        raise UsageError(f"The format {chosen[0]} is a file for each picture. Give a folder with -o.")
    return chosen


def document_sinks(
    formats: list[str], task: str, out: OutputFolder | None, labels: dict[int, str], options: SinkOptions
) -> list[DocumentSink]:
    """The sinks of the formats that are one document for the whole run. Raises UsageError (`--images`)."""
    sinks: list[DocumentSink] = []
    for name in formats:
        if name == "json":
            from visioncli.sinks.json_array import JsonArraySink

            sinks.append(JsonArraySink(out))
        elif task == "embed":
            from visioncli.sinks.vectors import vector_sinks

            sinks += vector_sinks(name, out)
        elif name == "csv":
            from visioncli.sinks.csv_table import CsvSink

            sinks.append(CsvSink(out, CSV_COLUMNS[task], VIDEO_COLUMNS.get(task, ())))
        elif name == "parquet":
            from visioncli.sinks.parquet import ParquetSink

            sinks.append(ParquetSink(out, task))
        elif name == "coco":
            from visioncli.sinks.coco import CocoSink

            sinks.append(CocoSink(out, labels, options.images, results_only=task in ("pose", "caption")))
        elif name == "labelstudio":
            from visioncli.sinks.labelstudio import labelstudio_sinks

            sinks += labelstudio_sinks(out, task, labels)
        elif name == "cvat":
            from visioncli.sinks.cvat import cvat_sinks

            sinks += cvat_sinks(out, task, labels)
        elif name == "geojson":
            from visioncli.sinks.geojson import GeoJsonDocument

            sinks.append(GeoJsonDocument(out, _shapes(options, labels)))
    return sinks


def picture_sinks(
    formats: list[str], out: OutputFolder, labels: dict[int, str], options: SinkOptions
) -> list[PictureSink]:
    """The sinks of the formats that are files for each picture."""
    sinks: list[PictureSink] = []
    if "yolo" in formats:
        from visioncli.sinks.yolo import YoloSink

        sinks.append(YoloSink(out, labels, scores=options.yolo_scores, pictures=options.yolo_pictures))
    if "voc" in formats:
        from visioncli.sinks.voc import VocSink

        sinks.append(VocSink())
    if "xmp" in formats:
        from visioncli.sinks.xmp import XmpSink

        sinks.append(XmpSink())
    if "geojson" in formats:
        from visioncli.sinks.geojson import GeoJsonSink

        sinks.append(GeoJsonSink(_shapes(options, labels)))
    if options.crops:
        from visioncli.sinks.crops import CropsSink

        sinks.append(CropsSink())
    if options.masks:
        from visioncli.sinks.masks import MaskSink

        sinks.append(MaskSink())
    if options.cutout:
        from visioncli.sinks.cutout import CutoutSink

        sinks.append(CutoutSink())
    if options.background:
        from visioncli.sinks.cutout import BackgroundSink

        sinks.append(BackgroundSink(options.background))
    if options.raw_maps:
        from visioncli.sinks.heat import HeatSink

        sinks.append(HeatSink(options.raw_maps))
    if options.explain:
        from visioncli.sinks.explain import ExplainSink

        sinks.append(ExplainSink())
    return sinks


def _shapes(options: SinkOptions, labels: dict[int, str]) -> "Shapes":
    """Raises UsageError for a class that the network does not know, ModelUnavailable where a library is missing."""
    from visioncli.geometry.simplify import check_shapely
    from visioncli.sinks.map_features import Shapes
    from visioncli.tasks.class_names import parse_classes

    thin: frozenset[int] = frozenset()
    if options.centerline is not None:
        from visioncli.geometry.centre_lines import check_libraries

        if not options.centerline.strip(" ,"):
            raise UsageError("--centerline is empty: give names or ids of classes, such as road.")
        thin = parse_classes(options.centerline, labels)
        check_libraries()
    elif options.tolerance:
        check_shapely()
    return Shapes(options.tolerance, thin)


def tidy(out: OutputFolder, task: str, formats: list[str]) -> list[str]:
    """Makes each folder of a format that this run wrote one of this run alone. Returns sentences for the user.

    Tools read such a folder as a whole: labels of earlier runs would count as this run's. One that this run did not
    write stays as it is, and so do pictures, which stand for themselves. Raises OutputError.
    """
    sentences = []
    for name in (n for n in PER_PICTURE if n in FORMATS[task]):
        folder = out.path / name
        if name not in formats:
            if out.has_written(name):
                sentences.append(f"{folder} is of an earlier run: this one did not write it (--format {name}).")
        elif count := out.remove_unwritten(name):
            files = "1 file" if count == 1 else f"{count} files"
            sentences.append(f"Removed {files} of an earlier run from {folder}.")
    return sentences
