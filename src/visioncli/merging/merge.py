"""Shards -> one output folder, as one run would have written it."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from visioncli.errors import UsageError
from visioncli.files import write_whole
from visioncli.inputs.sources import Item
from visioncli.merging.files import Files, carry, is_there, name_in_all
from visioncli.merging.parts import DamagedError, Part, Row, find
from visioncli.results import Record
from visioncli.sinks.documents import DocumentSink
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.formats import SinkOptions, document_sinks
from visioncli.sinks.interface import RecordSink
from visioncli.sinks.journal import Journal, bytes_of
from visioncli.videos.frames import MARK

MOST_NAMED = 5


@dataclass(slots=True)
class Lacking:
    """What is not there: shards by number, how many inputs of the others, and those whose files are gone."""

    of: int
    missing: list[int] = field(default_factory=list)
    unfinished: list[int] = field(default_factory=list)
    damaged: list[int] = field(default_factory=list)
    inputs: int = 0
    without_files: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.missing or self.unfinished or self.damaged or self.inputs or self.without_files)

    def in_words(self) -> list[str]:
        """A sentence for each kind of thing that is missing."""
        again = f"Run {{}} again with --resume --shard I/{self.of}."
        kinds = (
            (self.missing, "not there. Run {} with --shard I/" + f"{self.of}, or name the folder too."),
            (self.unfinished, f"not finished. {again}"),
            (self.damaged, f"damaged: list and records do not belong together. {again}"),
        )
        sentences = []
        for numbers, words in kinds:
            if numbers:
                one = len(numbers) == 1
                which = f"Shard{'' if one else 's'} {_listed(numbers)} of {self.of} {'is' if one else 'are'} "
                sentences.append(which + words.format("it" if one else "them"))
        if self.without_files:
            names = ", ".join(self.without_files[:MOST_NAMED]) + (", …" * (len(self.without_files) > MOST_NAMED))
            count = len(self.without_files)
            which = "Files of 1 input are" if count == 1 else f"Files of {count:,} inputs are"
            sentences.append(f"{which} gone or changed: {names}. {again.format('their shards')}")
        if self.inputs and not (self.missing or self.unfinished or self.damaged or self.without_files):
            sentences.append(f"{self.inputs:,} inputs are in none of the shards. {again.format('all of them')}")
        return sentences


@dataclass(slots=True)
class Merged:
    """What was merged."""

    records: int = 0
    failed: int = 0


class Merge:
    """The shards in the folders `paths`. Raises UsageError where they are not of one run."""

    def __init__(self, paths: list[str], how: Files, images: Path | None = None) -> None:
        parts, begun = find(paths)
        self._of(parts, how, images)
        count = int(self.facts["of"])
        there = {part.index for part in self.parts}
        self.lacking = Lacking(count)
        self.lacking.missing = [n for n in range(1, count + 1) if n not in there and n not in begun]
        self.lacking.unfinished = sorted({part.index for part in self.parts if not part.complete} | begun.keys())

    @classmethod
    def of_parts(cls, parts: Sequence[Part], how: Files, images: Path | None = None) -> "Merge":
        """A merge of parts that are known to be of one run, which has at least one."""
        merge = cls.__new__(cls)
        merge._of(list(parts), how, images)
        merge.lacking = Lacking(int(merge.facts["of"]))
        return merge

    def _of(self, parts: list[Part], how: Files, images: Path | None) -> None:
        self.parts, self.facts = parts, parts[0].facts
        self._how, self._images = how, images
        self._without_files: set[tuple[int, int | None]] = set()

    @property
    def task(self) -> str:
        """The task of all of them."""
        return str(self.facts["task"])

    @property
    def formats(self) -> list[str]:
        """The formats that they were written in."""
        return list(self.facts["formats"])

    def check(self, target: Path, step: Callable[[], None] = lambda: None) -> Lacking:
        """Looks at every record and at every file before anything is written; what is missing.

        Raises UsageError where an input is there twice, or where `target` is one of the shards.
        """
        for part in self.parts:
            if not part.in_place and target.exists() and target.samefile(part.folder):
                raise UsageError(f"-o {target} is itself one of the shards. Choose another folder with -o.")
        listed = max((part.facts["listed"] for part in self.parts if part.complete), default=0)
        before, count, in_video = -1, 0, False
        holder: Part | None = None
        for row in self._in_order(self._sound):
            step()
            if row.at == before and (row.part is not holder or not in_video):
                raise UsageError(f"{row.record.input} is there twice, in {row.part.folder} and in another shard.")
            count += row.at != before
            before, holder, in_video = row.at, row.part, row.record.frame is not None
            if not self._has_files(row, target):
                self._without_files.add((row.at, row.record.frame))
                self.lacking.without_files.append(row.record.input)
        self.parts = [part for part in self.parts if part.index not in self.lacking.damaged]
        self.lacking.inputs = max(0, listed - count)
        return self.lacking

    def _in_order(self, rows_of: Callable[[Part], Iterator[Row]]) -> Iterator[Row]:
        """The rows of all parts in the order of the listing. Of parts in a row one is read after the other."""
        row = chain.from_iterable(rows_of(part) for part in self.parts if part.in_a_row)
        others = [rows_of(part) for part in self.parts if not part.in_a_row]
        return heapq.merge(row, *others, key=lambda one: one.at)

    def _sound(self, part: Part) -> Iterator[Row]:
        try:
            yield from part.rows()
        except DamagedError:
            self.lacking.damaged.append(part.index)

    def _has_files(self, row: Row, target: Path) -> bool:
        return all(
            is_there(row.part.folder / name, target / name, row.record.sizes[kind], self._how)
            for kind, name in row.files.items()
        )

    def write(
        self,
        out: OutputFolder,
        step: Callable[[], None] = lambda: None,
        undisturbed: Callable[[], AbstractContextManager[object]] = nullcontext,
        *,
        options: SinkOptions | None = None,
        journal: Journal | None = None,
        more: Sequence[RecordSink] = (),
        settle: Callable[[], None] = lambda: None,
    ) -> tuple[Merged, list[DocumentSink], list[str]]:
        """Writes all records in input order, documents and files. What was merged, the documents, and sentences about
        results that stood in the folder before. Raises OutputError and UsageError.

        `options` are those of the run where more of them are known than the parts tell, `journal` is one that is
        there already, `more` are further sinks of the records. `settle` is called before all of them are closed.
        """
        labels = {int(label_id): str(name) for label_id, name in self.facts["labels"]}
        images = self._images or (Path(self.facts["images"]) if self.facts["images"] else None)
        options = options or SinkOptions(images=images, vectors=bool(self.facts["vectors"]))
        journal = journal or Journal(out, self.task, resume=False)
        documents = document_sinks(self.formats, self.task, out, labels, options)
        sinks: list[RecordSink] = [journal, *documents, *more]
        if self.task == "embed" and not options.vectors:
            from visioncli.sinks.vectors import WithoutVectors

            sinks = [WithoutVectors.around(sink) for sink in sinks]
        if "yolo" in self.formats:
            from visioncli.sinks.yolo import YoloSink

            YoloSink(out, labels)  # what is said of the folder as a whole
        merged = Merged()
        for row in self._rows():
            if (row.at, row.record.frame) in self._without_files:
                continue
            with undisturbed():
                record = self._brought(row, out)
                for sink in sinks:
                    sink.write(record)
            merged.records += 1
            merged.failed += not record.ok
            step()
        settle()
        for sink in sinks:
            sink.close()
        return merged, documents, journal.kept

    def _rows(self) -> Iterator[Row]:
        """The records of all shards in the order of the listing. Raises UsageError where one changes meanwhile."""

        def rows_of(part: Part) -> Iterator[Row]:
            rows = part.rows()
            if self.task == "embed":
                from visioncli.merging.vectors import document_of_vectors, with_vectors

                if document := document_of_vectors(self.formats):
                    rows = with_vectors(part, rows, document)
            try:
                yield from rows
            except DamagedError:
                raise UsageError(
                    f"{part.folder} is damaged: its documents do not belong together. Run that shard again with "
                    "--resume."
                ) from None

        return self._in_order(rows_of)

    def _brought(self, row: Row, out: OutputFolder) -> Record:
        """The record as the merged folder has it, with its files where it says that they are."""
        record = row.record
        if not record.ok:
            return record
        video, mark, number = row.name.rpartition(MARK) if record.frame is not None else (row.name, "", "")
        named = record.input.rpartition(MARK)[0] if mark else record.input
        base = out.claim(Item(named, video, row.root)) + mark + number
        files, sizes = {}, dict(record.sizes)
        for kind, name in row.files.items():
            source = row.part.folder / name
            if self._how is Files.LEAVE:
                files[kind] = str(source)
                continue
            new = name_in_all(name, record.output or base, base, out.stem(base))
            carry(source, out, new, self._how)
            files[kind] = str(out.path / new)
        if "voc" in files and base != record.output and self._how is not Files.LEAVE:
            from visioncli.sinks.voc import called

            path = Path(files["voc"])
            write_whole(path, called(path.read_bytes(), base), out.partial)
            sizes["voc"] = bytes_of(files["voc"])
        return replace(record, output=base, files=files, sizes=sizes)


def _listed(numbers: list[Any]) -> str:
    shown = [str(n) for n in sorted(numbers)]
    if len(shown) > 2 * MOST_NAMED:
        return f"{', '.join(shown[: 2 * MOST_NAMED])}, …"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
