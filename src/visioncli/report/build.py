"""From folders of records to a page: read, judge, make thumbnails, write."""

import base64
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from visioncli import __version__
from visioncli.errors import OutputError, UsageError
from visioncli.evaluation.score import Resampling
from visioncli.files import check_not_input, write_whole
from visioncli.pictures import DEFAULT_MAX_PIXELS
from visioncli.report import alike, heat, judge_classes, judge_maps, judge_objects, samples, thumbnails
from visioncli.report.agreement import disagreement
from visioncli.report.classes import ClassTable, labels_of
from visioncli.report.columns import numbers, script, words
from visioncli.report.judge_objects import ObjectOptions
from visioncli.report.judged import Judged
from visioncli.report.objects import Answers, answers
from visioncli.report.outputs import Output, Pictures, read_outputs, together
from visioncli.report.recordings import SOUNDS, as_address, content_of, ending, is_heard
from visioncli.report.thumbnails import FULLS, THUMBS, Small, Wanted
from visioncli.report.truth import ClassTruth, MapTruth, ObjectTruth, Truth, of_training, truth_of
from visioncli.report.write import DATA, PAGE, page_files, write_folder, write_single, write_zip
from visioncli.sinks.folder import OutputFolder

FORMAT = "vision-report/1"
MOST_IN_ONE_FILE = 200
Told = Callable[[str, int, int], None]


def nobody(what: str, done: int, total: int) -> None:
    """Nobody looks on."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to make a report of, and how.

    `runs` are output folders, RUN folders or files of records; `out` is the report's folder, or with `single_file`
    the file. `iou` is the overlap from which an object is found, and the mean IoU from which label maps are right.
    """

    runs: tuple[str, ...]
    out: Path
    truth: str | None = None
    title: str | None = None
    iou: float = 0.5
    how: Resampling = Resampling()  # noqa: RUF009 - frozen
    split: str | None = None
    images: Path | None = None
    names: Path | None = None
    full: bool = False
    single_file: bool = False
    zip: bool = False
    workers: int = 2
    max_pixels: int = DEFAULT_MAX_PIXELS
    progress: Told = nobody


@dataclass(frozen=True, slots=True)
class Made:
    """What was made: `page` is to be opened, `archive` to be sent. `problems` are pictures that cannot be shown."""

    page: Path
    pictures: int
    archive: Path | None = None
    problems: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    sentences: tuple[str, ...] = field(default=())


def build(request: Request) -> Made:
    """Makes the report. Raises InputError and UsageError for what cannot be read, and OutputError."""
    if not 0 < request.iou <= 1:
        raise UsageError(f"--iou must lie above 0 and not above 1, not {request.iou:g}.")
    if any(samples.makes_pictures(Path(run)) for run in request.runs):
        return Made(
            *samples.build_page(
                request.runs, request.out, request.title, single_file=request.single_file, archive=request.zip
            )
        )
    outputs = alike.for_page(read_outputs(request.runs))
    found = together(outputs)
    if request.single_file and len(found.names) > MOST_IN_ONE_FILE:
        raise UsageError(
            f"These are {len(found.names):,} pictures, and one file holds at most {MOST_IN_ONE_FILE}. Without "
            "--single-file they go into a folder, which --zip packs."
        )
    truth = truth_of(request.truth, outputs, found)
    table = ClassTable(labels_of(output) for output in outputs)
    runs = [
        answers(output, places, len(found.names), table) for output, places in zip(outputs, found.places, strict=True)
    ]
    judged = _judged(truth, runs, table, request)
    examples = (truth.examples if isinstance(truth, ClassTruth) else {}) or of_training(outputs, found)
    wanted = thumbnails.wanted(found, outputs, examples, request.images)
    page = _Page(request, outputs, found, runs, judged, table, wanted)
    return page.single() if request.single_file else page.folder()


def _judged(truth: Truth | None, runs: Sequence[Answers], table: ClassTable, request: Request) -> Judged | None:
    if isinstance(truth, ClassTruth):
        return judge_classes.judge(truth, runs, table, request.how)
    if isinstance(truth, ObjectTruth):
        options = ObjectOptions(request.iou, request.split, request.images, request.names)
        return judge_objects.judge(truth, runs, table, request.how, options)
    if isinstance(truth, MapTruth):
        return judge_maps.judge(truth, runs, table, request.how, request.iou, request.names)
    return None


class _Page:
    """Everything that is known, on its way to files."""

    def __init__(
        self,
        request: Request,
        outputs: Sequence[Output],
        found: Pictures,
        runs: Sequence[Answers],
        judged: Judged | None,
        table: ClassTable,
        wanted: Sequence[Wanted],
    ) -> None:
        self._request, self._outputs, self._found = request, outputs, found
        self._runs, self._judged, self._table, self._wanted = runs, judged, table, wanted
        self._sounds: list[str] = []
        self._problems: list[str] = [""] * len(wanted)
        self._sizes = _sizes(found, outputs)
        self._warnings = tuple(
            dict.fromkeys([*(w for o in outputs for w in o.warnings), *(judged.warnings if judged else ())])
        )

    def folder(self) -> Made:
        """A folder, and an archive of it where that is wanted."""
        request = self._request
        if any(request.out.resolve() == output.folder.resolve() for output in self._outputs):
            raise UsageError(f"{request.out} is the folder of the results themselves. Choose another one with -o.")
        written: dict[str, None] = {}
        out = OutputFolder(request.out)
        try:
            for one in self._wanted:
                if one.path is not None:
                    out.protect(one.path)
            thumbs = self._copies(out, written)
            write_folder(out, self._title, script(self._data(thumbs)))
            for folder in (THUMBS, FULLS, SOUNDS):
                out.remove_unwritten(folder)
        except BaseException:
            out.abandon()
            raise
        out.close()
        archive = None
        if request.zip:
            archive = request.out.with_name(f"{request.out.resolve().name}.zip")
            self._check_apart(archive)
            write_zip(request.out, archive, dict.fromkeys([PAGE, DATA, *page_files(), *written]))
        return self._made(request.out / PAGE, archive)

    def _copies(self, out: OutputFolder, written: dict[str, None]) -> list[str]:
        """Writes the copies that are not there yet; the key of each picture's, empty where it has none."""
        request = self._request
        keys: list[str] = []
        total = len(self._wanted)
        made = thumbnails.copies(
            self._wanted, out.owns, full=request.full, workers=request.workers, max_pixels=request.max_pixels
        )
        try:
            for n, (one, small) in enumerate(made):
                key = one.key
                for folder, data in ((THUMBS, small.thumb), (FULLS, small.full)):
                    name = thumbnails.file_of(folder, key)
                    if data is not None:
                        write_whole(out.file(name), data, out.partial)
                    elif small.problem is not None or (folder == FULLS and not request.full):
                        continue
                    else:
                        out.check(name)  # it stays
                    written[name] = None
                self._note(n, small)
                self._sounds.append(self._sound(one, out, written))
                keys.append("" if small.problem is not None else key)
                request.progress("thumbnails", n + 1, total)
        finally:
            made.close()  # type: ignore[attr-defined]
        return keys

    def single(self) -> Made:
        """One file."""
        request = self._request
        target = request.out if request.out.suffix.lower() in (".html", ".htm") else Path(f"{request.out}.html")
        self._check_apart(target)
        thumbs, fulls = [], []
        made = thumbnails.copies(
            self._wanted,
            lambda name: False,
            full=request.full,
            workers=request.workers,
            max_pixels=request.max_pixels,
        )
        for n, (one, small) in enumerate(made):
            self._note(n, small)
            self._sounds.append(self._sound(one, None, {}))
            thumbs.append(_as_text(small.thumb))
            fulls.append(_as_text(small.full))
            request.progress("thumbnails", n + 1, len(self._wanted))
        body = self._data(thumbs) | {"inside": True}
        if request.full:
            body["pictures"]["full"] = fulls
        write_single(target, self._title, script(body))
        return self._made(target, None)

    def _check_apart(self, target: Path) -> None:
        inputs = [one.path for one in self._wanted] + [output.path for output in self._outputs]
        check_not_input(target, inputs)
        if target.is_dir():
            raise OutputError(f"Cannot write {target}: a folder stands there. Choose another name with -o.")

    def _note(self, n: int, small: Small) -> None:
        if small.problem is not None:
            self._problems[n] = small.problem
        elif not self._sizes[n][0]:
            self._sizes[n] = small.size or thumbnails.size_of(self._wanted[n], self._request.max_pixels)

    def _made(self, page: Path, archive: Path | None) -> Made:
        failed = {name for o in self._outputs for r in o.records if not r.ok for name in (r.input,)}
        problems = tuple(
            (name, problem)
            for name, problem in zip(self._found.names, self._problems, strict=True)
            if problem and name not in failed  # whose sentence the page has already
        )
        sentences = tuple(c["sentence"] for c in self._judged.comparisons) if self._judged else ()
        return Made(page, len(self._wanted), archive, problems, self._warnings, sentences)

    @property
    def _title(self) -> str:
        *first, last = (output.name for output in self._outputs)
        return self._request.title or (f"{', '.join(first)} and {last}" if first else last)

    def _data(self, thumbs: list[str]) -> dict[str, Any]:
        request, judged = self._request, self._judged
        body: dict[str, Any] = {
            "format": FORMAT,
            "version": __version__,
            "title": self._title,
            "task": self._outputs[0].task,
            "iou": request.iou,
            "side": thumbnails.SIDE,
            "least": first_least(self._outputs[0].task, self._runs),
            "classes": self._table.to_json(),
            "pictures": self._pictures(thumbs),
            "runs": [self._run(n) for n in range(len(self._runs))],
            "pairs": [
                {"first": a, "second": b} | disagreement(self._runs[a], self._runs[b])
                for a in range(len(self._runs))
                for b in range(a + 1, len(self._runs))
            ],
            "warnings": list(self._warnings),
        }
        if self._outputs[0].task == "gradcam":
            body["heat"] = heat.colours()
        if self._outputs[0].task in alike.TITLES:
            body["classes"]["title"] = alike.TITLES[self._outputs[0].task]
            body["says"] = self._outputs[0].says
        if judged is not None:
            body["truth"] = judged.to_json()
        return body

    def _run(self, n: int) -> dict[str, Any]:
        body = self._runs[n].to_json()
        if self._outputs[n].task == "gradcam":
            body["objects"] |= heat.columns(self._runs[n])
        if self._judged is not None:
            body |= self._judged.runs[n].columns
        return body

    def _pictures(self, thumbs: list[str]) -> dict[str, Any]:
        folders, names = zip(*(_split(name) for name in self._found.names), strict=True)
        sizes = np.array(self._sizes, np.int64).reshape(-1, 2)
        body: dict[str, Any] = {
            "folder": words(folders),
            "name": list(names),
            "width": numbers(sizes[:, 0]),
            "height": numbers(sizes[:, 1]),
            "thumb": thumbs,
        }
        if any(self._problems):
            body["problem"] = words(self._problems)
        if self._request.full and not self._request.single_file:
            body["hasFull"] = True
        elif not self._request.single_file:
            body["link"] = [self._link(one) for one in self._wanted]
        if any(self._sounds):
            body["sound"] = self._sounds
            if "link" in body:  # the picture of a recording is its spectrogram, not its file
                heard = (is_heard(one.path, one.example, one.name) for one in self._wanted)
                body["link"] = ["" if is_sound else link for link, is_sound in zip(body["link"], heard, strict=True)]
        return body

    def _sound(self, one: Wanted, out: OutputFolder | None, written: dict[str, None]) -> str:
        """Where the page finds a recording: the file itself, or with --full a copy beside or in the page; empty for
        pictures, and where there is none that a browser plays."""
        if not is_heard(one.path, one.example, one.name) or not ending(one.name):
            return ""
        if not self._request.full:
            return "" if self._request.single_file else self._link(one)
        data = content_of(one.path, one.example)
        if data is None:
            return ""
        if out is None:
            return as_address(data, one.name)
        name = f"{SOUNDS}/{one.key[:2]}/{one.key[2:]}{ending(one.name)}"
        if not out.owns(name):
            write_whole(out.file(name), data, out.partial)
        else:
            out.check(name)
        written[name] = None
        return name

    def _link(self, one: Wanted) -> str:
        """Where the picture itself lies, seen from the page; empty where it is no file."""
        if one.path is None:
            return ""
        relative = os.path.relpath(os.path.abspath(one.path), os.path.abspath(self._request.out))
        return quote(os.fsencode(relative))


WEAK_SCORE, USUAL_SCORE = 0.3, 0.4


def first_least(task: str, runs: Sequence[Answers]) -> float:
    """The score below which the page hides objects when it opens.

    Runs that are to be scored keep many weak boxes, under which no picture could be seen: where these are a third or
    more, the page begins at what `vision detect` shows by itself.
    """
    scores = np.concatenate([run.rows.score for run in runs])
    weak = task == "detect" and len(scores) > 0 and (scores < WEAK_SCORE).mean() > 1 / 3
    return USUAL_SCORE if weak else 0.0


def _split(name: str) -> tuple[str, str]:
    folder, slash, last = name.rpartition("/")
    return folder + slash, last


def _as_text(data: bytes | None) -> str:
    return "" if data is None else base64.b64encode(data).decode()


def _sizes(found: Pictures, outputs: Sequence[Output]) -> list[tuple[int, int]]:
    sizes = [(0, 0)] * len(found.names)
    for output, places in zip(outputs, found.places, strict=True):
        for record, place in zip(output.records, places, strict=True):
            if record.width and record.height:
                sizes[place] = record.width, record.height
    return sizes
