"""What people write where the name of a network belongs: files, folders, addresses."""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from visioncli.inputs.addresses import is_url, without_credentials

TO_ONNX = "Export the network to ONNX and give that file as --model onnx:FILE."
_CHECKPOINTS = (".pth", ".pt", ".ckpt", ".safetensors", ".bin", ".tar", ".weights")
_NETWORKS = (".tflite", ".h5", ".keras", ".pb", ".engine", ".trt", ".mlmodel", ".mlpackage", ".torchscript", ".pt2")
_HUB = re.compile(r"(?:www\.)?huggingface\.co|hf\.co")


def instead_of_name(name: str) -> str:
    """How to give what stands where the name of a network belongs: a file, a folder, an address. Empty for a name."""
    lower = name.lower()
    if is_url(name):
        parts = urlsplit(name)
        repository = "/".join(parts.path.strip("/").split("/")[:2])
        if _HUB.fullmatch(parts.hostname or "") and "/" in repository:
            return f"A repository of the hub is given by its name: --model hf:{repository}"
        return (
            f"{without_credentials(name)} is an address. Download the file, and give a checkpoint as --model NAME "
            "--weights FILE, an ONNX file as --model onnx:FILE, a folder of transformers' as --model hf:FOLDER."
        )
    if lower.endswith(".onnx"):
        return f"An ONNX file is given with its kind before it: --model onnx:{name}"
    if lower.endswith(_CHECKPOINTS):
        run = os.path.dirname(name) or "."
        if os.path.isfile(os.path.join(os.path.expanduser(run), "model.json")):
            return f"It is a file of a network that vision train wrote, which is given as its folder: --model {run}"
        return (
            "A checkpoint goes with the name of the network that it is of: --model NAME --weights "
            f"{name} (a whole network as an ONNX file: --model onnx:FILE)."
        )
    if lower.endswith(_NETWORKS):
        return f"{name} is a file of another program's. {TO_ONNX}"
    folder = Path(os.path.expanduser(name))
    if "/" not in name and not folder.is_dir():
        return ""
    if folder.is_dir():
        return (
            f"{name} is a folder without the model.json that vision train writes. One that save_pretrained of "
            f"transformers wrote is given as --model hf:{name}"
        )
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        return f"There is no folder or file {name}."
    return f"A repository of the hub is given as --model hf:{name}, a network of timm's as --model timm:NAME."
