"""What timm and transformers share: reasons in a few words, and the hash of a file in the hub's cache."""

import hashlib
from pathlib import Path

from visioncli.weights.places import sha256_of

_WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
# Settings and vocabularies are read whole; larger files hold weights.
_SMALL = 1 << 22


def reason(problem: BaseException) -> str:
    """The first sentence of what a hub's library says, at most 200 characters."""
    words = " ".join(str(problem).split())
    return (words.split(". ")[0] if words else type(problem).__name__)[:200].rstrip(".")


def file_sha256(name: str) -> str | None:
    """The SHA-256 of the weights in the folder, or of the repository in the hub's cache, called `name`."""
    paths = (_found(name, file) for file in _WEIGHT_FILES)
    return next((sha256_of(path) for path in paths if path is not None), None)


def state_of(name: str) -> str:
    """What changes when anything in the folder, or in the cached repository, called `name` does."""
    config = _found(name, "config.json")
    digest = hashlib.sha256()
    for path in sorted(config.parent.iterdir()) if config is not None else ():
        if path.is_file():
            facts = path.stat()
            digest.update(f"{path.name}|{facts.st_size}|".encode())
            small = facts.st_size <= _SMALL
            digest.update(path.read_bytes() if small else str(facts.st_mtime_ns).encode())
    return digest.hexdigest()


def _found(name: str, file: str) -> Path | None:
    path: object = Path(name) / file
    if not Path(name).is_dir():
        from huggingface_hub import try_to_load_from_cache

        path = try_to_load_from_cache(name, file) if name.count("/") <= 1 else None
    return Path(path) if isinstance(path, str | Path) and Path(path).is_file() else None
