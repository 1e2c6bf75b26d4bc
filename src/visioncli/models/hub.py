"""What timm and transformers share: reasons in a few words, and the hash of a file in the hub's cache."""

from pathlib import Path

from visioncli.models.weights import sha256_of

_WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")


def reason(problem: BaseException) -> str:
    """The first sentence of what a hub's library says, at most 200 characters."""
    words = " ".join(str(problem).split())
    return (words.split(". ")[0] if words else type(problem).__name__)[:200].rstrip(".")


def file_sha256(name: str) -> str | None:
    """The SHA-256 of the weights in the folder, or of the repository in the hub's cache, called `name`."""
    for file in _WEIGHT_FILES:
        path: object = Path(name) / file
        if not Path(name).is_dir():
            from huggingface_hub import try_to_load_from_cache

            path = try_to_load_from_cache(name, file) if name.count("/") <= 1 else None
        if isinstance(path, str | Path) and Path(path).is_file():
            return sha256_of(Path(path))
    return None
