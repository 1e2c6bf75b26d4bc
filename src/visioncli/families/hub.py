"""What timm and transformers share: reasons in a few words, the hash of a file in the hub's cache, and patience."""

import hashlib
import os
import threading
from pathlib import Path

from visioncli.errors import ModelUnavailable
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


PATIENCE_SECONDS = 4.0
"""How long the hub may take to answer whether it has a repository."""


def check_folder(name: str) -> None:
    """Raises ModelUnavailable where `name` is written as a path, or begins with a folder of here, but is none."""
    path = Path(os.path.expanduser(name))
    if path.is_dir():
        return
    if path.is_file():
        raise ModelUnavailable(f"{name} is a file. After hf: comes a folder that save_pretrained wrote, or a name.")
    first, slash, _ = name.partition("/")
    written = name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name
    if written or (slash and Path(first).is_dir() and not _is_kept(name)):
        raise ModelUnavailable(f"There is no folder {name}. Check the path after hf:.")


def check_reachable(name: str, files: tuple[str, ...] = ("config.json",)) -> None:
    """Raises ModelUnavailable where the hub does not answer within seconds, and has nothing to say about `name`.

    Its library asks six times, for half a minute. Where one of `files` is in its cache nothing is asked.
    """
    if any(_found(name, file) is not None for file in files):
        return
    answers: list[BaseException] = []
    done = threading.Event()

    def ask() -> None:
        from huggingface_hub import get_hf_file_metadata, hf_hub_url

        try:
            get_hf_file_metadata(hf_hub_url(name, files[0]), timeout=PATIENCE_SECONDS)
        except Exception as problem:  # noqa: BLE001 - sorted out below
            answers.append(problem)
        done.set()

    # A thread, because a look-up of the host's name has no limit of its own.
    threading.Thread(target=ask, name="hub", daemon=True).start()
    answered = done.wait(PATIENCE_SECONDS)
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    # Whatever else the hub answers, whoever loads the network says it.
    if answered and (
        not answers or isinstance(answers[0], HfHubHTTPError | HFValidationError | OfflineModeIsEnabled)
    ):
        return
    why = reason(answers[0]) if answered else f"no answer within {PATIENCE_SECONDS:g} s"
    raise ModelUnavailable(
        f"The hub cannot be reached for {name} ({why}), and it is not in its cache on this machine. Check the name "
        f"and the connection, or fetch it on a connected machine (hf download {name}) and copy the cache folder "
        "(HF_HOME)."
    )


def _is_kept(name: str) -> bool:
    return any(_found(name, file) is not None for file in ("config.json", *_WEIGHT_FILES))
