"""`OUT/a/cat.jpg.geojson` and `predictions.geojson`: masks as shapes for maps (RFC 7946).

A picture's file stands in its own reference system; the document of the run holds the shapes of all pictures that
share the first one's, as one layer.
"""

from collections.abc import Iterator
from pathlib import Path

from visioncli.files import explain, whole_file
from visioncli.pictures.georeference import Georeference, georeference
from visioncli.results import Record
from visioncli.runner import Outcome
from visioncli.sinks.documents import DocumentSink
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import PictureSink
from visioncli.sinks.map_features import TAIL, Shapes, collection, features, head, reference_members

KIND = "geojson"
"""What `files` of a record calls the shapes."""


class GeoJsonSink(PictureSink):
    """The shapes of one picture."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes

    def write(self, outcome: Outcome, out: OutputFolder, base: str) -> dict[str, str]:
        record = outcome.record
        world = _place(record, outcome.item.path)
        target = out.file(f"{base}.geojson")
        with whole_file(target, out.partial) as temporary, temporary.open("wb") as file:
            file.writelines(collection(reference_members(world), features(record, world, self._shapes)))
        return {KIND: str(target)}


class GeoJsonDocument(DocumentSink):
    """The shapes of all pictures that share the reference system of the first; `remark` counts the others.

    They are copied from the pictures' files, which records of earlier runs have too. Without an output folder they
    are made of the records.
    """

    suffix = "geojson"

    def __init__(self, out: OutputFolder | None, shapes: Shapes) -> None:
        self._shapes, self._to_disk = shapes, out is not None
        self._head: bytes | None = None
        self._separator = b"\n"
        self._elsewhere: list[str] = []
        super().__init__(out)

    def begin(self) -> None:
        """The first line is that of the first picture."""

    def write(self, record: Record) -> None:
        if not record.ok:
            return
        if self._to_disk:
            if path := record.files.get(KIND):
                self._copy(record, Path(path))
            return
        world = _place(record, record.input)
        if self._belongs(record, head(reference_members(world))):
            for feature in features(record, world, self._shapes):
                self._feature(feature)

    @property
    def remark(self) -> str | None:
        """Says which pictures have coordinates of another kind."""
        if not self._elsewhere:
            return None
        count = len(self._elsewhere)
        names = ", ".join(self._elsewhere[:3]) + (", …" if count > 3 else "")
        pictures = "1 picture has" if count == 1 else f"{count} pictures have"
        where = "Their own files hold their shapes" if self._to_disk else "Give a folder with -o for their own files"
        return (
            f"{pictures} another reference system than the first, so {self.target} leaves them out: {names}. {where}."
        )

    def finish(self) -> None:
        if self._head is None:
            self.put(head(reference_members(None)))
        self.put(TAIL)

    def _belongs(self, record: Record, first_line: bytes) -> bool:
        if self._head is None:
            self._head = first_line
            self.put(first_line)
        if self._head != first_line:
            self._elsewhere.append(record.input)
            return False
        return True

    def _copy(self, record: Record, path: Path) -> None:
        try:
            with path.open("rb") as file:
                if self._belongs(record, file.readline().rstrip(b"\n")):
                    for feature in _lines_before_the_last(file):
                        self._feature(feature)
        except OSError as problem:
            raise explain(problem, path) from problem

    def _feature(self, feature: bytes) -> None:
        self.put(self._separator + feature)
        self._separator = b",\n"


def _lines_before_the_last(lines: "Iterator[bytes]") -> Iterator[bytes]:
    held: bytes | None = None
    for line in lines:
        if held is not None:
            yield held
        held = line.rstrip(b"\n").removesuffix(b",")


def _place(record: Record, path: str) -> Georeference | None:
    assert record.width and record.height  # successes have a size
    return georeference(path, record.width, record.height)
