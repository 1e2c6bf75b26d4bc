"""Files that are given as checkpoints, or as names of networks, and are something else: what they are, what to do."""

import zipfile
from pathlib import Path

from visioncli.inputs.addresses import is_url
from visioncli.models.not_names import TO_ONNX

_ONNX = "It is a whole network, and is given as --model onnx:{path}, without --weights."


def no_file(path: Path) -> str:
    """The sentence for a checkpoint that is no file."""
    if path.is_dir():
        known = (path / "config.json").is_file()
        instead = f"a folder of transformers' is given as --model hf:{path}" if known else "name the file in it"
        return f"{path} is a folder, and --weights takes a file: {instead}."
    if is_url(str(path).replace(":/", "://", 1)):
        return "--weights takes a file on this machine. Download it first, and give its path."
    return f"There is no checkpoint {path}. Check the path given with --weights."


def is_safetensors(path: Path) -> bool:
    """Whether a file is named, or else begins, like one of safetensors: a header's length, then JSON."""
    if path.suffix == ".safetensors":
        return True
    start = _start(path)
    return start[8:10] == b'{"' and int.from_bytes(start[:8], "little") < path.stat().st_size


def other_kind(path: Path) -> str:
    """A sentence where the file is no checkpoint but of a kind that is known; empty otherwise."""
    start = _start(path)
    if path.suffix == ".onnx":
        return f"{path} is an ONNX file. {_ONNX.format(path=path)}"
    if start.startswith(b"\x89HDF") or path.suffix in (".h5", ".keras"):
        return f"{path} is a checkpoint of Keras, which is not read here. {TO_ONNX}"
    if start[4:8] == b"TFL3":
        return f"{path} is a TensorFlow Lite file, which is not read here. {TO_ONNX}"
    names = _names_in_archive(path)
    if any("/code/" in name for name in names) and any(name.endswith("/constants.pkl") for name in names):
        return (
            f"{path} is a TorchScript archive: a program with its weights, which is not run here. Save the weights "
            "alone where you trust the file (torch.save(torch.jit.load(path).state_dict(), new_path)), or export the "
            "network to ONNX and give that file as --model onnx:FILE."
        )
    if any(name.endswith("/archive_format") for name in names):
        return (
            f"{path} is a program exported with torch.export, which is not run here. Save the weights alone "
            "(torch.save(torch.export.load(path).state_dict, new_path)), or export the network to ONNX and give that "
            "file as --model onnx:FILE."
        )
    return ""


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError:
        return b""  # whoever reads it for its tensors says what is wrong


def _names_in_archive(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return []
