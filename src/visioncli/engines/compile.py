"""Networks as ONNX files: exported once from the `nn.Module`, which stays the source of truth, and kept in the cache.

The file carries what somebody needs who has nothing else: labels, preprocessing, licence and origin, as metadata.
"""

import dataclasses
import json
import logging
import mmap
import os
import re
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visioncli import __version__
from visioncli.errors import UsageError
from visioncli.files import name_part, whole_file
from visioncli.models.activation_ranges import activation_ranges
from visioncli.models.activation_ranges import names as with_ranges
from visioncli.models.labels import load_labels
from visioncli.models.row import Hub, ModelRow, Trained
from visioncli.weights.load import load_network
from visioncli.weights.places import cache_folder

if TYPE_CHECKING:
    from torch import nn

EXPORTER = 1
"""Raised when the graph that is made of a network changes: older cache files are then ignored."""
OPSET = 18

_OUTPUTS = {
    "efficientnet_lite": ("logits",),
    "ssd_mobilenet_v2": ("box_codes", "class_logits"),
    "efficientdet": ("box_codes", "class_logits"),
    "deeplab": ("logits",),
    "deeplab_dense": ("logits",),
    "movenet": ("keypoints",),
    "lenet": ("logits",),
    "fractalnet": ("logits",),
    "unet": ("logits",),
    "unet_lite": ("logits",),
    "yolov3:full": ("coarse", "middle", "fine"),
    "yolov3:tiny": ("coarse", "fine"),
}
"""Architectures that are known to come through whole, with the names of their outputs; see also `_outputs`."""
_ANY_SIZE = {"deeplab": (8, 1), "deeplab_dense": (32, 0), "unet": (32, 0), "unet_lite": (32, 0)}
"""Those of them that take pictures of a k + b by a m + b pixels; the others take their input size only."""


_FEWEST = {8: 4, 32: 1}
"""How often that many pixels must fit into a side."""


def can_compile(row: ModelRow) -> bool:
    """Whether the network of `row` can become an ONNX file."""
    return _outputs(row) is not None


def check_exportable(row: ModelRow) -> None:
    """Raises UsageError where the network of `row` cannot be written as an ONNX file that answers as it does."""
    if row.architecture == "onnx":
        raise UsageError(f"{row.name} is an ONNX file already.")
    if not can_compile(row) and _hub_outputs(row) is None:
        raise UsageError(
            f"{row.name} cannot be exported to ONNX; the embedded networks, efficientdet_lite0, torchvision's and "
            "timm's classifiers, and transformers' for classify and segment can."
        )


def check_compilable(row: ModelRow) -> None:
    """Raises UsageError where the network of `row` cannot become an ONNX file."""
    if row.architecture == "onnx":
        raise UsageError(f"{row.name} is an ONNX file already.")
    if not can_compile(row):
        raise UsageError(
            f"{row.name} cannot be exported to ONNX; the embedded networks, efficientdet_lite0 and torchvision's "
            "classifiers can."
        )


def can_quantise(row: ModelRow) -> bool:
    """Whether the network of `row` can become an ONNX file that computes in int8."""
    return can_compile(row) and activation_ranges(row) is not None


def check_quantisable(row: ModelRow) -> None:
    """Raises UsageError where the network of `row` cannot become an ONNX file that computes in int8."""
    if not can_quantise(row):
        raise UsageError(
            f"{row.name} cannot be computed in int8, for which its activation ranges must be known. Those that can: "
            f"{', '.join(with_ranges())}. Leave out --precision."
        )


def weights_sha256(row: ModelRow) -> str | None:
    """The hash of the published weights where the registry knows it."""
    return row.source.sha256


def compiled_file(row: ModelRow, precision: str = "fp32") -> Path:
    """Where the network of `row`, compiled for `precision`, belongs, whether it is there or not."""
    parts = [(weights_sha256(row) or "unknown")[:16]]
    if row.form == "features":
        parts.append("features")
    if row.form == "features" or isinstance(row.source, Trained):
        parts.append(f"{row.input.size}px")  # a choice of the training's; for published networks it is fixed
    if precision == "int8" and (known := activation_ranges(row)) is not None:
        parts.append(f"int8-{zlib.crc32(json.dumps(known.to_json()).encode()):08x}")
    if isinstance(row.source, Trained):
        return _trained_folder() / f"{name_part(row.name)}-{'-'.join(parts)}-{_VERSION}.onnx"
    return cache_folder() / "compiled" / f"{row.name}-{'-'.join(parts)}-{_VERSION}.onnx"


_VERSION = f"e{EXPORTER}-o{OPSET}"


def _trained_folder() -> Path:
    return cache_folder() / "compiled" / "trained"


def compiled_files(row: ModelRow) -> list[Path]:
    """The compiled networks of `row` in the cache: whatever weights of that name they were made of, but for those of
    the user's training only of its own."""
    own = compiled_file(row)
    if isinstance(row.source, Trained):
        return sorted(own.parent.glob(f"*-{str(row.source.sha256)[:16]}-*.onnx"))
    made = re.compile(rf"{re.escape(row.name)}-[0-9a-f]{{16}}(-features-\d+px|-int8-[0-9a-f]{{8}})?-{_VERSION}\.onnx")
    return sorted(path for path in own.parent.glob("*.onnx") if made.fullmatch(path.name))


def all_compiled() -> list[Path]:
    """The compiled networks in the cache, of all versions."""
    return sorted((cache_folder() / "compiled").rglob("*.onnx"))


def compile_model(
    row: ModelRow,
    target: Path | None = None,
    tell: Callable[[str], None] | None = None,
    precision: str = "fp32",
) -> Path:
    """Exports the network of `row` to `target`, by default to its place in the cache, whole or not at all.

    `precision` is fp32 or int8. `tell` receives a sentence before the work that takes long.
    Raises UsageError for a network that cannot be exported, ModelUnavailable (weights), OutputError (disk).
    """
    check_compilable(row)
    if precision == "int8":
        check_quantisable(row)
    if weights_sha256(row) is None:
        raise UsageError(f"{row.name} has no weights of its own on this machine: vision models pull {row.name}")
    own = compiled_file(row, precision)
    # In the cache whatever stands there is replaced; several processes may do this at once: the last rename wins.
    partial, target = (own.parent, own) if target is None else (None, target)
    with whole_file(target, partial) as temporary:
        known = _compiled_before(row) if precision == "int8" else None
        network: Any = None if known is not None else load_network(row)
        if tell is not None:
            tell(f"Preparing {row.name} for fast starts. This is done once and takes some seconds …")
        if precision == "int8":
            _write_int8(row, known if known is not None else _export(row, network).model_proto, temporary)
        else:
            _write(row, network, temporary)
    if partial is not None and isinstance(row.source, Trained):
        _forget_oldest(own)
    return target


def _compiled_before(row: ModelRow) -> Any:
    """The fp32 graph where the cache holds it, of which an int8 one can be made without torch; else None."""
    import onnx

    path = compiled_file(row)
    if not is_whole(path):
        return None
    model = onnx.load(path)
    made_of = {entry.key: entry.value for entry in model.metadata_props}.get("weights_sha256")
    return model if made_of == weights_sha256(row) else None


def _write_int8(row: ModelRow, model: Any, path: Path) -> None:
    """The 8-bit form of an fp32 graph."""
    import onnx

    from visioncli.engines.quantise import RangesDoNotFit, quantise

    known = activation_ranges(row)
    assert known is not None  # or it would not have come this far
    try:
        model = quantise(model, known.ranges, known.exact)
    except RangesDoNotFit as problem:
        raise UsageError(
            f"{row.name} cannot be computed in int8 as this version of torch exports it: {problem}."
        ) from problem
    onnx.helper.set_model_props(model, metadata(row) | {"precision": "int8"})
    model.producer_name, model.producer_version = "visioncli", __version__
    onnx.save(model, path)
    _end_with_seal(path)


MOST_TRAINED = 16
"""So many compiled networks of the user's own training are kept, those that were used last."""


def _forget_oldest(newest: Path) -> None:
    """Removes what is too many of the trained networks in the cache."""
    with suppress(OSError):  # another process may be at it, or use one of them; the next time is early enough
        others = [(path.stat().st_mtime, path) for path in newest.parent.glob("*.onnx") if path != newest]
        for _, path in sorted(others, reverse=True)[MOST_TRAINED - 1 :]:
            path.unlink()


def note_use(path: Path) -> None:
    """Makes a compiled network one that was used just now."""
    with suppress(OSError):
        os.utime(path)


def export_model(row: ModelRow, target: Path, precision: str = "fp32") -> Path:
    """As `compile_model`, for other libraries' networks too: what one needs who has only the file."""
    check_exportable(row)
    if precision == "int8":
        return compile_model(row, target, precision=precision)
    calibrated = row.temperature != 1 and row.form != "features"
    if can_compile(row) and not calibrated:
        return compile_model(row, target)
    with whole_file(target) as temporary:
        network = load_network(row)
        if calibrated:
            network = _calibrated(network, row.temperature)
        if isinstance(row.source, Hub) and row.source.library == "transformers":
            from visioncli.families.transformers import input_spec

            row = dataclasses.replace(row, input=input_spec(row))
            network = _only_logits(network)
        _write(row, network, temporary)
    return target


def _write(row: ModelRow, network: "nn.Module", path: Path) -> None:
    _export(row, network).save(path, external_data=False)
    _end_with_seal(path)


def _end_with_seal(path: Path) -> None:
    seal = _seal(path)
    with path.open("ab") as file:
        file.write(seal)


def _calibrated(network: "nn.Module", temperature: float) -> "nn.Module":
    """Divides the logits inside the file, so that the softmax of any program is calibrated."""
    from torch import Tensor, nn

    class Calibrated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.network(x)
            return logits / temperature

    return Calibrated().eval()


def _only_logits(network: "nn.Module") -> "nn.Module":
    """Transformers' networks answer with objects of their own, which the exporter does not take."""
    from torch import Tensor, nn

    class Logits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.network(pixel_values=x)[0]
            return logits

    return Logits().eval()


def is_whole(path: Path) -> bool:
    """Whether a file of `compile_model` is as it was written: it ends with the checksum of all before it."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return data[-_SEAL_BYTES:] == _seal_of(zlib.crc32(memoryview(data)[:-_SEAL_BYTES]))
    except (OSError, ValueError):
        return False


def _seal(path: Path) -> bytes:
    return _seal_of(zlib.crc32(path.read_bytes()))


def _seal_of(checksum: int) -> bytes:
    """One more entry of the file's metadata, `crc32`, as it stands in a file of the ONNX format.

    The format is that of protocol buffers, in which what is appended to a file is a part of it.
    """
    key, value = b"crc32", b"%08x" % checksum
    entry = b"\x0a%c%b\x12%c%b" % (len(key), key, len(value), value)
    return b"\x72%c%b" % (len(entry), entry)  # field 14: metadata_props


_SEAL_BYTES = len(_seal_of(0))


def metadata(row: ModelRow) -> dict[str, str]:
    """What is written into the file about the network; all values are text, structured ones JSON."""
    own = {"thresholds": json.dumps(row.thresholds), "activation": "sigmoid"} if row.thresholds else {}
    if row.temperature != 1:  # for people: what `export_model` writes divides by it
        own["temperature"] = repr(row.temperature)
    return own | {
        "name": row.name,
        "tasks": ", ".join(row.tasks),
        "weights_sha256": weights_sha256(row) or "",
        "exporter": f"visioncli {__version__} ({EXPORTER})",
        "input": json.dumps(dataclasses.asdict(row.input)),
        "labels": json.dumps(load_labels(row.labels)),
        "licence": row.licence,
        "paper": row.paper,
    }


def _family(row: ModelRow) -> str:
    return row.architecture.partition(":")[0]


def _outputs(row: ModelRow) -> tuple[str, ...] | None:
    if _family(row) == "torchvision" and "classify" in row.tasks:
        return ("features",) if row.form == "features" else ("logits",)
    if row.form == "features":
        return ("features",) if "classify" in row.tasks and _family(row) in _OUTPUTS else None
    return _OUTPUTS.get(_family(row)) or _OUTPUTS.get(":".join(row.architecture.split(":")[:2]))


def _hub_outputs(row: ModelRow) -> tuple[str, ...] | None:
    fitting = _family(row) == "timm" or (_family(row) == "transformers" and row.tasks[0] in ("classify", "segment"))
    return ("logits",) if fitting else None


def _export(row: ModelRow, network: "nn.Module") -> Any:
    import torch
    from torch.export import Dim

    sizes: dict[int, Any] = {0: Dim("pictures", min=1, max=4096)}
    side = row.input.size
    if _family(row) in _ANY_SIZE:
        # With the size as a k + b the padding of each stride is a constant, not a computation in the graph.
        a, b = _ANY_SIZE[_family(row)]
        rows, columns = (a * Dim(name, min=_FEWEST[a], max=512) for name in ("rows", "columns"))
        sizes |= {2: rows + b, 3: columns + b} if b else {2: rows, 3: columns}
        side = max(2, round((side - b) / a)) * a + b
    example = torch.zeros(2, 3, side, side)
    try:
        with _silence():
            program = torch.onnx.export(
                network,
                (example,),
                input_names=["pictures"],
                output_names=list(_outputs(row) or _hub_outputs(row) or ()),
                opset_version=OPSET,
                dynamo=True,
                dynamic_shapes=(sizes,),
                optimize=True,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as problem:
        words = str(problem).strip().splitlines()[0]
        raise UsageError(f"{row.name} cannot be exported to ONNX by this version of torch: {words}") from problem
    assert program is not None  # only the older exporter returns nothing
    program.model.metadata_props.update(metadata(row))
    program.model.producer_name, program.model.producer_version = "visioncli", __version__
    return program


@contextmanager
def _silence() -> Iterator[None]:
    """The exporter's remarks are for its developers."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
