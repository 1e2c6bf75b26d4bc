"""`-o s3://bucket/run`: what a run does around an output folder on a store."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from visioncli.cli.options import FrameOptions
from visioncli.cli.terminal import Console
from visioncli.errors import UsageError
from visioncli.inputs.addresses import is_url, path_of, without_credentials
from visioncli.sinks.interface import RecordSink
from visioncli.sinks.stores import is_store
from visioncli.status import Status

if TYPE_CHECKING:
    from visioncli.sinks.remote import RemoteFolder

_NAMED = 3


def local_folder(frame: FrameOptions) -> Path | None:
    """Where a run writes on this machine: None for standard output, a new folder where `-o` names a store.

    Raises UsageError for an address to which nothing can be written.
    """
    if frame.out == "-":
        return None
    if is_url(frame.out):
        raise UsageError(
            f"-o {without_credentials(frame.out)}: nothing can be written to a web address. Give a folder, or the "
            "address of an object store such as s3://bucket/run."
        )
    if not is_store(frame.out):
        return Path(path_of(frame.out))
    if frame.report:
        raise UsageError(
            "--report makes a page in a folder of this machine. Copy the results here when the run is over, then: "
            "vision report FOLDER."
        )
    return Path(tempfile.gettempdir()) / f"vision-{secrets.token_hex(8)}"


def remote_folder(frame: FrameOptions, local: Path | None, below: str = "") -> "RemoteFolder | None":
    """The store's folder that `-o` names, or the one `below` it. Raises UsageError and ModelUnavailable."""
    if local is None or not is_store(frame.out):
        return None
    from visioncli.sinks.remote import RemoteFolder

    return RemoteFolder("/".join([frame.out.rstrip("/"), *([below] if below else [])]), local)


class Upload:
    """The end of a run as far as its store goes; `status` is that of the run, or worse."""

    def __init__(self, remote: "RemoteFolder | None", console: Console) -> None:
        self._remote, self._console = remote, console

    def status(self, status: Status) -> Status:
        """Uploads the rest, and says what could not be."""
        if self._remote is None or (trouble := self._remote.finish()) is None:
            return status
        count = len(trouble.names)
        named = ", ".join(trouble.names[:_NAMED]) + (", …" if count > _NAMED else "")
        self._console.error(
            f"{count:,} {'file' if count == 1 else 'files'} could not be uploaded to {self._remote.shown}: {named} "
            f"({trouble.reason.removesuffix('.')}). They are kept in {self._remote.local}: copy them into the store."
        )
        return status or Status.SOME_FAILED


@contextmanager
def uploading(
    remote: "RemoteFolder | None", frame: FrameOptions, formats: list[str], console: Console
) -> Iterator[Upload]:
    """Mirrors the store's folder first. Raises OutputError where it does not answer."""
    if remote is None:
        yield Upload(None, console)
        return
    remote.fetch((".geojson",) if frame.resume and "geojson" in formats else ())
    try:
        yield Upload(remote, console)
    except BaseException:
        if remote.abandon():
            console.note(f"What was not uploaded to {remote.shown} is kept in {remote.local}.")
        raise


def with_store_names(sinks: list[RecordSink], remote: "RemoteFolder | None", task: str) -> list[RecordSink]:
    """The sinks of a run, so that records name files as the store does, and files are uploaded."""
    if remote is None:
        return sinks
    from visioncli.sinks.geojson import GeoJsonDocument
    from visioncli.sinks.journal import Journal
    from visioncli.sinks.remote import StoreNames, UploadSink
    from visioncli.sinks.shard import ShardSink

    local = GeoJsonDocument, Journal, ShardSink
    named: list[RecordSink] = [s if isinstance(s, local) else StoreNames(s, remote.address_of) for s in sinks]
    return [*named, UploadSink(remote, task)]
