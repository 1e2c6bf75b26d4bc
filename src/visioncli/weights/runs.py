"""RUN folders, which `vision train` writes: a network of the user's own as two files, its tensors and what it is.

`model.json` names the SHA-256 of `model.safetensors`, so that two that do not belong together are found out. Two
files cannot be renamed at once, so new tensors wait beside the old ones under a name of their own, where readers find
them, until `model.json` names them: a network is there whenever its writer is killed.
"""

import dataclasses
import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visioncli.errors import ModelUnavailable, UsageError
from visioncli.files import TEMPORARY, explain, whole_file
from visioncli.inputs.small_files import MOST_BYTES, read_small
from visioncli.models.labels import load_labels
from visioncli.models.row import ModelRow, Trained
from visioncli.weights.checkpoints import architecture, read_safetensors
from visioncli.weights.places import sha256_of
from visioncli.weights.run_notes import BACKGROUND, PLAIN, row_in

if TYPE_CHECKING:
    from torch import Tensor

SCHEMA = "vision-model/1"
WEIGHTS, NOTES = "model.safetensors", "model.json"
WAITING = ".model.safetensors"
"""New tensors, from before `model.json` names them until they take the place of the old ones."""
_VERSION = re.compile(r"vision-model/(\d+)")
_WHOLE_AGAIN = "Copy the folder again, both files together, or train it again."


def is_run(spec: str | os.PathLike[str]) -> bool:
    """Whether `spec` is the path of a RUN folder."""
    try:
        return bool(os.fspath(spec)) and (_folder(spec) / NOTES).is_file()
    except (OSError, ValueError):  # names that no file can have
        return False


def write_model(folder: Path, row: ModelRow, state: "Mapping[str, Tensor]", facts: Mapping[str, Any]) -> ModelRow:
    """Writes the network of `row` with the tensors `state` into `folder`: whole, or not at all. The row as read back.

    `row` has its labels as pairs from 0 on, and its architecture ends in their number; those of a detector that has a
    class for what is no object begin at 1, and that class counts too. Its accuracy is what this network reached,
    not the one that it came from; its parameters are counted. `facts` are JSON values about how it
    came about; `read_facts` gives them back. Whenever the program is killed, the folder holds the network of before
    or this one. One process at a time may write.
    Raises OutputError, and ValueError for a row, tensors or facts that could not be read back.
    """
    row = dataclasses.replace(row, parameters=_count_parameters(row, state))
    _settle(folder)
    # Renamed in the order of their ends: the tensors, then the notes that name them.
    with whole_file(folder / NOTES) as notes, whole_file(folder / WAITING) as tensors:
        save_tensors(state, tensors, folder / WEIGHTS)
        body = _to_json(row, sha256_of(tensors), facts)
        made = row_in(json.loads(body), folder, folder / WEIGHTS)
        notes.write_bytes(body)
    _settle(folder)
    return made


def _settle(folder: Path) -> None:
    """Puts tensors that wait in their place where `model.json` names them. Raises OutputError."""
    waiting = folder / WAITING
    if not waiting.is_file():
        return
    try:
        named = _body(folder)["weights"]["sha256"]
    except (ModelUnavailable, LookupError, TypeError):
        return
    try:
        if sha256_of(waiting) == named:
            os.replace(waiting, folder / WEIGHTS)
    except OSError as problem:
        raise explain(problem, folder / WEIGHTS) from problem


def mask_numbers(folder: str | Path, ignored: int) -> dict[int, int]:
    """The numbers with which a network that learned masks answers, by those in the masks that it learned from;
    `ignored` for what did not count. Empty where this is no such RUN folder."""
    if not is_run(folder):
        return {}
    try:
        data = read_facts(Path(folder)).get("data", {})
        numbers = {int(value): int(number) for value, number in data.get("values", ())}
        left_out = data.get("ignore_index")
        return numbers | ({int(left_out): ignored} if left_out is not None else {})
    except (ModelUnavailable, AttributeError, TypeError, ValueError):
        return {}


def tidy(folder: Path) -> None:
    """Removes what a killed writer of `folder` left behind; no other may be writing. Raises OutputError."""
    _settle(folder)
    for path in (folder / WAITING, *folder.glob(TEMPORARY)):
        try:
            path.unlink(missing_ok=True)
        except OSError as problem:
            raise explain(problem, path) from problem


def _count_parameters(row: ModelRow, state: "Mapping[str, Tensor]") -> int:
    """Of the row's network. Raises ValueError where `state` does not hold its tensors."""
    import torch

    module, variant = architecture(row)
    with torch.device("meta"):
        network = module.build(*variant)
    if {n: t.shape for n, t in state.items()} != {n: t.shape for n, t in network.state_dict().items()}:
        raise ValueError(f"the tensors are not those of {row.architecture}")
    return sum(parameter.numel() for parameter in network.parameters())


def save_tensors(
    state: "Mapping[str, Tensor]", path: Path, target: Path, metadata: dict[str, str] | None = None
) -> None:
    """Writes tensors to `path`, a safetensors file that is to become `target`, which an OutputError names."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    # Safetensors takes neither views nor tensors that share memory.
    whole = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in state.items()}
    mode = path.stat().st_mode
    try:
        save_file(whole, path, metadata)
        path.chmod(mode)  # safetensors makes files that nobody else may read
    except SafetensorError as problem:
        number = re.search(r"os error (\d+)", str(problem))
        if number is None:
            raise
        raise explain(OSError(int(number[1]), os.strerror(int(number[1]))), target) from problem


def read_run(spec: str | os.PathLike[str], *, check: bool = True) -> ModelRow:
    """The row of the RUN folder `spec`, called after the folder. Raises ModelUnavailable where it is not whole.

    With `check` its weights are read to see whether they are those that were trained.
    """
    folder = _folder(spec)
    body = _body(folder)
    while True:
        row = _row_of(body, folder)
        try:
            if check:
                _find_weights(folder, row)
            return row
        except ModelUnavailable:
            if (newer := _body(folder)) == body:
                raise
            body = newer  # another network was written in the meantime


def _row_of(body: dict[str, Any], folder: Path) -> ModelRow:
    """Raises ModelUnavailable where `body` is not what `write_model` writes."""
    try:
        return row_in(body, folder, folder / WEIGHTS)
    except (KeyError, TypeError, ValueError, OverflowError) as problem:
        reason = f"it has no {problem}" if isinstance(problem, KeyError) else str(problem)
        raise ModelUnavailable(
            f"{folder / NOTES} is not as vision train wrote it: {reason}. Copy the folder again, or train it again."
        ) from None


def read_weights(row: ModelRow) -> "dict[str, Tensor]":
    """The tensors of a row of `read_run`. Raises ModelUnavailable, also where they were replaced since."""
    assert isinstance(row.source, Trained)
    folder = Path(row.source.path).parent
    while True:
        path = _find_weights(folder, row)
        state = read_safetensors(path)
        if _sha256(path) == row.source.sha256:  # else it was replaced before it was read
            return state


def read_facts(spec: str | os.PathLike[str]) -> dict[str, Any]:
    """What `write_model` was told of how the model came about. Raises ModelUnavailable."""
    facts = _body(_folder(spec)).get("facts")
    return facts if isinstance(facts, dict) else {}


def told_apart(rows: Sequence[ModelRow]) -> list[ModelRow]:
    """`rows` with names that tell them apart: RUN folders whose name another row has are called by their path."""
    count = Counter(row.name for row in rows)
    return [dataclasses.replace(row, name=_path(row)) if count[row.name] > 1 else row for row in rows]


def _path(row: ModelRow) -> str:
    if not isinstance(row.source, Trained):
        return row.name
    folder = str(Path(row.source.path).parent)
    return folder if folder != row.name else f"./{folder}"


def _folder(spec: str | os.PathLike[str]) -> Path:
    return Path(os.path.expanduser(spec))


def _to_json(row: ModelRow, sha256: str, facts: Mapping[str, Any]) -> bytes:
    labels = load_labels(row.labels)
    if "detect" in row.tasks and min(labels) == 1:
        labels = {0: BACKGROUND} | labels
    body = {
        "schema": SCHEMA,
        "architecture": row.architecture,
        "tasks": list(row.tasks),
        "labels": list(labels.values()),
        "input": {
            "size": row.input.size,
            "resize": row.input.resize,
            "interpolation": row.input.interpolation,
            "mean": list(row.input.mean),
            "std": list(row.input.std),
        },
        **({"sound": dataclasses.asdict(row.sound)} if row.sound is not None else {}),
        **({"keypoints": {"names": list(row.points), "limbs": row.limbs}} if row.points else {}),
        **({"views": row.views} if row.views else {}),
        **({"offset": list(row.offset)} if row.offset else {}),
        "temperature": row.temperature,
        "thresholds": list(row.thresholds),
        "weights": {"file": WEIGHTS, "sha256": sha256},
        "accuracy": [{"metric": a.metric, "value": a.value, "on": a.on} for a in row.accuracy],
        **{name: getattr(row, name) for name in PLAIN},
        "facts": dict(facts),
    }
    if list(labels) != list(range(len(labels))):
        raise ValueError("labels are numbered from 0 on")
    # Class names may be names of folders, which are not always UTF-8.
    text = json.dumps(body, indent=2, ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace") + b"\n"
    if len(text) > MOST_BYTES:
        raise ValueError(f"{len(text):,} bytes of names and facts are more than the {MOST_BYTES:,} that are read")
    return text


def _body(folder: Path) -> dict[str, Any]:
    """The object in model.json, of this version. Raises ModelUnavailable."""
    path = folder / NOTES
    try:
        body = json.loads(read_small(path, "the description of a model"), parse_constant=_not_finite)
    except FileNotFoundError:
        raise ModelUnavailable(f"{folder} has no {NOTES}, so it is not a folder of vision train's.") from None
    except OSError as problem:
        raise ModelUnavailable(f"{path} cannot be read: {problem.strerror or problem}.") from None
    except UsageError as problem:
        raise ModelUnavailable(str(problem)) from None
    except (ValueError, RecursionError):
        raise ModelUnavailable(f"{path} is damaged: it is not JSON. {_WHOLE_AGAIN}") from None
    schema = body.get("schema") if isinstance(body, dict) else None
    found = _VERSION.fullmatch(schema) if isinstance(schema, str) else None
    if schema == SCHEMA:
        return dict(body)
    if found and int(found[1]) > int(SCHEMA.rpartition("/")[2]):
        raise ModelUnavailable(
            f"{path} was written by a newer vision, as {schema}; this one reads {SCHEMA}. Update visioncli."
        )
    raise ModelUnavailable(f"{path} was not written by vision train: its schema is not {SCHEMA}.")


def _not_finite(word: str) -> Any:
    raise ValueError(f"{word} is no number")


def _find_weights(folder: Path, row: ModelRow) -> Path:
    """The tensors that model.json was written for. Raises ModelUnavailable where they are not there."""
    path = folder / WEIGHTS
    found = _sha256(path)
    if found == row.source.sha256:
        return path
    # Those that waited may have taken their place since it was looked at.
    for place in (folder / WAITING, path):
        if _sha256(place) == row.source.sha256:
            return place
    if found is None:
        raise ModelUnavailable(f"{path} is missing, so {folder} has no weights. {_WHOLE_AGAIN}")
    raise ModelUnavailable(
        f"{path} is not the file that {NOTES} beside it was written for: its SHA-256 is {found[:16]}…, not "
        f"{str(row.source.sha256)[:16]}…. It was changed, cut off, or is another model's. {_WHOLE_AGAIN}"
    )


def _sha256(path: Path) -> str | None:
    """None where there is no such file. Raises ModelUnavailable where it cannot be read."""
    try:
        return sha256_of(path) if path.is_file() else None
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise ModelUnavailable(f"{path} cannot be read: {problem.strerror or problem}.") from None
