"""The half of `vision generate` that runs: pictures, files and records."""

import dataclasses
import io
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import typer
from PIL import Image

from visioncli import pictures
from visioncli.cli.interrupts import program as interrupts
from visioncli.cli.options import FrameOptions
from visioncli.cli.terminal import Console, TableSink
from visioncli.earlier_results import PREDICTIONS
from visioncli.engines.interface import EngineOptions
from visioncli.errors import InputError, OutputError, UsageError, VisionError
from visioncli.files import shortened, write_picture, write_whole
from visioncli.models.row import ModelRow
from visioncli.predictions import Generated
from visioncli.render.tiles import scale_for, tiles
from visioncli.resolve import resolve
from visioncli.results import Failure, Record
from visioncli.sinks import animation
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.formats import SinkOptions, document_sinks, parse_formats
from visioncli.sinks.interface import RecordSink
from visioncli.sinks.journal import Journal
from visioncli.sinks.lines import StdoutLines
from visioncli.sinks.stores import is_store
from visioncli.status import Status
from visioncli.tasks.generate.latents import Seed, class_of
from visioncli.tasks.generate.maker import Maker, as_rgb, walk
from visioncli.tasks.generate.project import Projection, project
from visioncli.weights.downloads import Access

SHEET = "sheet.png"
ON_SHEET = 400
"""Pictures of the contact sheet at most."""
LATENTS = "latents.npy"


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for; one of `walk`, `mix` and `project` at most."""

    out: str
    formats: list[str] | None
    model: str
    label: str | None
    truncation: float
    number: int
    seed: int
    walk: list[int] | None
    frames: int
    animation: str
    mix: tuple[list[int], list[int]] | None
    project: Path | None
    steps: int


@dataclass(frozen=True, slots=True)
class Made:
    """One thing that was made: its record, and its files by kind: name and content."""

    record: Record
    files: dict[str, tuple[str, bytes]]
    picture: np.ndarray | None = None
    vector: np.ndarray | None = None


class Generating:
    """One run of the command."""

    def __init__(self, frame: FrameOptions, asked: Asked) -> None:
        self.frame, self.asked = frame, asked
        self.console = Console(quiet=frame.quiet)
        if is_store(asked.out):
            raise UsageError(f"{asked.out}: pictures are made into a folder of this machine. Copy that afterwards.")
        self.out = None if asked.out == "-" else Path(asked.out)
        self.formats = parse_formats(asked.formats, "generate", to_stdout=self.out is None)

    def run(self) -> Status:
        """Makes everything, and says how that went. Raises VisionError."""
        begun = time.monotonic()
        interrupts.begin()
        try:
            with self.console.captured_warnings(), interrupts.armed():
                row = resolve(self.asked.model, "generate", access=Access.of(self.frame.offline))
                self._check(row)
                maker = Maker(row, EngineOptions(self.frame.device, self.frame.threads, precision="fp32"))
                label = None if self.asked.label is None else class_of(self.asked.label, maker.labels, row.name)
                made = self._made(maker, label)
                records = self._written(made) if self.out is not None else self._told(made)
        except KeyboardInterrupt:
            self.console.note(f"interrupted.{self._where()}")
            raise typer.Exit(Status.INTERRUPTED) from None
        except (MemoryError, RuntimeError) as problem:
            if isinstance(problem, RuntimeError) and "alloc" not in str(problem) and "memory" not in str(problem):
                raise
            raise VisionError("There is not enough memory for this. Make fewer pictures at once: -n.") from None
        failed = sum(not record.ok for record in records)
        count = "1 picture" if len(records) == 1 else f"{len(records):,} pictures"
        if not failed:
            self.console.note(f"{count} made in {time.monotonic() - begun:.1f} s.{self._where()}")
        return Status.NONE_SUCCEEDED if failed else Status.OK

    def _where(self) -> str:
        return f" Results: {self.out}" if self.out is not None and (self.out / PREDICTIONS).exists() else ""

    def _check(self, row: ModelRow) -> None:
        """Raises UsageError where a network cannot mix."""
        if self.asked.mix is not None and row.architecture.split(":")[0] != "style_generator":
            raise UsageError(
                f"{row.name} is a DCGAN: its noise enters at one place, so there are no coarse and fine styles to "
                "mix. Train one that has them: vision train DATA --task generate --model style_generator."
            )

    def _made(self, maker: Maker, label: int | None) -> Iterator[Made]:
        asked = self.asked
        if asked.walk is not None:
            yield _walked(maker, asked, label)
        elif asked.mix is not None:
            yield _table(maker, asked, label)
        elif asked.project is not None:
            yield _projected(maker, asked, label)
        else:
            for seed in range(asked.seed, asked.seed + asked.number):
                yield _one(maker, seed, label, asked.truncation)

    def _sinks(self, folder: OutputFolder | None) -> list[RecordSink]:
        """The documents that were asked for, and what prints: standard output holds one or the other."""
        sinks: list[RecordSink] = [*document_sinks(self.formats, "generate", folder, {}, SinkOptions())]
        if folder is not None or not sinks:
            table = sys.stdout.isatty() and not self.frame.json
            sinks.append(TableSink(self.console) if table else StdoutLines())
        return sinks

    def _told(self, made: Iterator[Made]) -> list[Record]:
        sinks, records = self._sinks(None), []
        for one in made:
            for sink in sinks:
                sink.write(one.record)
            self._failed(one.record)
            records.append(one.record)
        for sink in sinks:
            sink.close()
        return records

    def _failed(self, record: Record) -> None:
        if record.error is not None:
            self.console.failure(record.input, record.error.message)

    def _written(self, made: Iterator[Made]) -> list[Record]:
        """Writes each file as it is made; at the end the sheet, the latents and the records, also of a run that was
        cut short."""
        assert self.out is not None
        folder = OutputFolder(self.out)
        try:
            if self.asked.project is not None:
                folder.protect(str(self.asked.project))
            journal = Journal(folder, "generate", resume=False)
            files = _Files(folder, [journal, *self._sinks(folder)])
            try:
                for one in made:
                    with interrupts.held():
                        self._failed(files.write(one))
            except BaseException as problem:
                if files.records and isinstance(problem, KeyboardInterrupt | BrokenPipeError | VisionError):
                    files.close(cut_short=True)
                raise
            files.close(cut_short=False)
            for sentence in journal.kept:
                self.console.note(sentence)
        except BaseException:
            folder.abandon()
            raise
        folder.close()
        return files.records


class _Files:
    """What is written into the folder: files of each picture, and one sheet, the latents and documents of all."""

    def __init__(self, folder: OutputFolder, sinks: list[RecordSink]) -> None:
        self.folder, self.sinks = folder, sinks
        self.records: list[Record] = []
        self._shown: list[np.ndarray] = []
        self._vectors: list[np.ndarray] = []

    def write(self, one: Made) -> Record:
        """Writes one's files and then its record, which names them. Raises OutputError."""
        record = one.record
        files, sizes = {}, {}
        for kind, (name, content) in one.files.items():
            target = self.folder.file(name)
            write_whole(target, content, self.folder.partial)
            files[kind], sizes[kind] = str(target), len(content)
        if one.vector is not None and record.predictions:
            (found,) = record.predictions
            record = dataclasses.replace(record, predictions=(dataclasses.replace(found, latent=len(self._vectors)),))
            self._vectors.append(one.vector)
        if one.picture is not None and len(self._shown) < ON_SHEET:
            self._shown.append(one.picture)
        record = dataclasses.replace(record, files=files, sizes=sizes)
        self.records.append(record)
        for sink in self.sinks:
            sink.write(record)
        return record

    def close(self, *, cut_short: bool) -> None:
        """Writes what is of all. Raises OutputError, but not a second one where that ended the run."""
        steps = [self._sheet, self._latents, *(sink.close for sink in self.sinks)]
        for step in steps:
            with suppress(*((OutputError, BrokenPipeError) if cut_short else ())):
                step()

    def _latents(self) -> None:
        if self._vectors:
            memory = io.BytesIO()
            np.save(memory, np.stack(self._vectors))
            write_whole(self.folder.file(LATENTS), memory.getvalue(), self.folder.partial)

    def _sheet(self) -> None:
        if not self._shown:
            return
        shown = self._shown
        columns = int(np.ceil(np.sqrt(len(shown))))
        if len(shown) >= 10 and len(shown) % 10 == 0:
            columns = 10
        drawn = tiles(np.stack(shown), columns, scale=scale_for(shown[0].shape[0]))
        write_picture(self.folder.file(SHEET), Image.fromarray(drawn), "PNG", self.folder.partial, optimize=True)


def _record(maker: Maker, name: str, size: tuple[int, int], predictions: tuple[Generated, ...], ms: float) -> Record:
    width, height = size
    return Record(
        "generate", name, width, height, maker.model, predictions, ms={"predict": round(ms, 2)}
    )  # fmt: skip


def _generated(maker: Maker, number: int, seed: Seed, truncation: float) -> Generated:
    label = int(seed.classes.argmax()) if len(seed.classes) else None
    return Generated(number, truncation, None if label is None else maker.labels[label], label)


def _one(maker: Maker, number: int, label: int | None, truncation: float) -> Made:
    start = time.perf_counter()
    seed = maker.seed(number, label)
    vector = maker.vector(seed, truncation)
    picture = maker.made(vector, maker.noise(seed))
    ms = (time.perf_counter() - start) * 1000
    side = maker.shape.size
    record = _record(maker, f"seed {number}", (side, side), (_generated(maker, number, seed, truncation),), ms)
    return Made(record, {"picture": (f"{number:06d}.png", _png(picture))}, picture, vector[0].cpu().numpy())


def _walked(maker: Maker, asked: Asked, label: int | None) -> Made:
    assert asked.walk is not None
    start = time.perf_counter()
    seeds = [maker.seed(number, label) for number in asked.walk]
    made = walk(maker, seeds, asked.frames, asked.truncation)
    frames = [as_rgb(one).repeat(scale := scale_for(maker.shape.size, 112), 0).repeat(scale, 1) for one in made]
    content = animation.encoded(frames, asked.animation)
    ms = (time.perf_counter() - start) * 1000
    name = shortened("walk-" + "-".join(map(str, asked.walk)) + animation.ENDINGS[asked.animation])
    found = tuple(
        _generated(maker, number, seed, asked.truncation) for number, seed in zip(asked.walk, seeds, strict=True)
    )
    record = _record(maker, "walk " + ":".join(map(str, asked.walk)), frames[0].shape[1::-1], found, ms)
    return Made(dataclasses.replace(record, extra={"frames": len(frames)}), {"animation": (name, content)})


def _table(maker: Maker, asked: Asked, label: int | None) -> Made:
    assert asked.mix is not None
    start = time.perf_counter()
    rows, columns = ([(n, maker.seed(n, label)) for n in side] for side in asked.mix)
    blank = np.full((maker.shape.size, maker.shape.size, maker.shape.channels), 255, np.uint8)
    cells = [blank, *(maker.picture(fine, asked.truncation) for _, fine in columns)]
    for _, coarse in rows:
        cells.append(maker.picture(coarse, asked.truncation))
        cells += [maker.mixed(coarse, fine, asked.truncation) for _, fine in columns]
    drawn = tiles(np.stack(cells), len(columns) + 1, scale=scale_for(maker.shape.size))
    ms = (time.perf_counter() - start) * 1000
    found = tuple(_generated(maker, n, seed, asked.truncation) for n, seed in [*rows, *columns])
    record = _record(
        maker, "mix " + ":".join(",".join(map(str, side)) for side in asked.mix), drawn.shape[1::-1], found, ms
    )
    extra = {"coarse": asked.mix[0], "fine": asked.mix[1]}
    return Made(dataclasses.replace(record, extra=extra), {"table": ("mix.png", _png(drawn))})


def _projected(maker: Maker, asked: Asked, label: int | None) -> Made:
    assert asked.project is not None
    path = str(asked.project)
    try:
        photo = pictures.read(path)
    except InputError as problem:
        return Made(Record("generate", path, error=Failure(problem.kind, str(problem))), {})
    start = time.perf_counter()
    found = project(maker, photo.image, label=label, steps=asked.steps)
    ms = (time.perf_counter() - start) * 1000
    name = None if found.label is None else maker.labels[found.label]
    prediction = Generated(found.seed, 1.0, name, found.label, distance=found.distance)
    record = _record(maker, path, (photo.width, photo.height), (prediction,), ms)
    extra = {"start_distance": found.start_distance, "steps": asked.steps}
    files = {"picture": ("projection.png", _png(found.picture)), "pair": ("projection.pair.png", _png(_pair(found)))}
    return Made(dataclasses.replace(record, extra=extra), files, None, found.vector)


def _pair(found: Projection) -> np.ndarray:
    both: Any = np.stack([found.wanted, found.picture])
    return tiles(both, 2, scale=scale_for(both.shape[1], 224))


def _png(picture: np.ndarray) -> bytes:
    memory = io.BytesIO()
    grey = picture.shape[2] == 1
    Image.fromarray(picture[:, :, 0] if grey else picture).save(memory, "PNG", optimize=True)
    return memory.getvalue()
