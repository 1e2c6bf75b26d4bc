"""Words and tables for people. Results go to stdout only as a table; everything else goes to stderr."""

import logging
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from visioncli.cli.streams import encodes, printable, words_to
from visioncli.results import Record
from visioncli.sinks.interface import RecordSink

if TYPE_CHECKING:
    from visioncli.cli.tally import Tally
    from visioncli.sinks.documents import DocumentSink
    from visioncli.tasks.interface import Task


class Console:
    """Standard error, and the table on standard output."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._progress: Any = None
        self._row: Any = None

    def table(self, task: "Task") -> RecordSink:
        """A sink that prints one row a picture; where networks are compared, with a column for each."""
        return TableSink(self, [task.model.name, *task.settings["compare"]] if "compare" in task.settings else [])

    def error(self, message: str) -> None:
        """A sentence about something that ends the run."""
        self._say(f"vision: {message}")

    def failure(self, path: str, message: str) -> None:
        """A sentence about one input; also with --quiet, since it is an error."""
        self._say(f"vision: {path}: {message}")

    def warning(self, message: str) -> None:
        """A sentence that the user may want to know."""
        if not self._quiet:
            self._say(f"vision: warning: {message}")

    def note(self, message: str) -> None:
        """A sentence about what is being done."""
        if not self._quiet:
            self._say(f"vision: {message}")

    def summary(
        self,
        tally: "Tally",
        where: str | None,
        documents: "Iterable[DocumentSink]",
        *,
        interrupted: bool,
        inputs: Sequence[str] = (),
    ) -> None:
        """The closing line, after what the run's documents have to say."""
        for document in documents:
            if document.remark:
                self.warning(document.remark)
        total = tally.total
        if tally.elsewhere and not total and not interrupted:
            self.note(f"None of the {tally.elsewhere:,} inputs falls on this shard.")
        elif not total and not interrupted:
            self.error(f"No input was found{_why_none(inputs)}.")
        if self._quiet or not (total or interrupted):
            return
        parts = [f"{tally.succeeded} of {total} succeeded"]
        if tally.failed:
            parts.append(f"{tally.failed} failed")
        if tally.resumed:
            parts.append(f"{tally.resumed} taken from an earlier run")
        if interrupted:
            parts.append("interrupted")
        if tally.left_out:
            named = ", ".join(f"{count} {name}" for name, count in tally.left_out.most_common(5))
            more = ", …" if len(tally.left_out) > 5 else ""
            count = tally.left_out.total()
            objects = f"{count} object" if count == 1 else f"{count} objects"
            self._say(f"vision: left out {objects} of classes without masks in this network: {named}{more}.")
        line = f"vision: {', '.join(parts)} in {tally.seconds:.1f} s."
        self._say(line + (f" Results: {where}" if where else ""))

    @contextmanager
    def captured_warnings(self) -> Iterator[None]:
        """Python warnings of this package as sentences; those of libraries are for developers."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.filterwarnings("always", module=r"visioncli\..*")
            yield
        for message in dict.fromkeys(str(entry.message) for entry in caught):
            self.warning(message)

    @contextmanager
    def progress(self, count: Callable[[], int | None]) -> Iterator[Callable[[], None]]:
        """A bar on standard error where that is a terminal. Yields what to call after each input."""
        if self._quiet or not sys.stderr.isatty():
            yield lambda: None
            return
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=RichConsole(stderr=True),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        with bar:
            row = bar.add_task("vision", total=count())
            self._progress = bar
            try:
                yield lambda: bar.advance(row)
            finally:
                self._progress = self._row = None

    def steps(self, done: int, total: int) -> None:
        """How many steps of how many one input's result has seen: a second row below the bar, where there is one."""
        bar = self._progress
        if bar is None:
            return
        if done == 1 or self._row is None:
            self._row = bar.add_task("steps", total=total)
        bar.update(self._row, completed=done)
        if done == total:
            bar.remove_task(self._row)
            self._row = None

    @contextmanager
    def silent_decoders(self) -> Iterator[None]:
        """Keeps what decoders print, warn and log about damaged files off standard error; our sentences still come.

        Each such file gets a record and a sentence of ours; libtiff's lines name no file.
        """
        # For the rest of the program: filters that threads set and restore would not hold.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        logging.getLogger("PIL").addHandler(logging.NullHandler())
        sys.stderr.flush()
        try:
            kept = os.dup(2)
        except OSError:  # standard error is closed
            yield
            return
        ours, before = words_to(kept, sys.stderr), sys.stderr
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        sys.stderr = ours
        try:
            yield
        finally:
            sys.stderr = before
            ours.flush()
            os.dup2(kept, 2)
            ours.close()

    def above_progress(self, write: Callable[[], None]) -> None:
        """Runs `write` so that the bar does not mix with what it prints on the same terminal."""
        if self._progress is None:
            return write()
        self._progress.stop()
        write()
        self._progress.start()

    def _say(self, line: str) -> None:
        line = printable(line)

        def write() -> None:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

        self.above_progress(write)


class TableSink(RecordSink):
    """One row a picture, printed as it is finished; columns as wide as the terminal allows."""

    def __init__(self, console: Console, compared: Sequence[str] = ()) -> None:
        self._console, self._compared = console, list(compared)
        width = shutil.get_terminal_size().columns
        self._first = max(16, min(40, width // 3))
        self._rest = max(20, width - self._first - 2)
        self._rule, self._more = ("─", "…") if encodes(sys.stdout, "─…") else ("-", "~")
        self._begun = False

    def write(self, record: Record) -> None:
        lines = (
            []
            if self._begun
            else [self._row("input", self._compared or ["result"]), self._rule * (self._first + self._rest + 2)]
        )
        self._begun = True
        compared = record.extra.get("compare", {})
        if record.error:
            cells = [f"failed: {record.error.kind}"]
        elif self._compared:
            cells = [describe(compared.get(name, ())) for name in self._compared]
        else:
            cells = [describe(record.predictions or ())]
        lines.append(self._row(record.input, cells))

        def write() -> None:
            sys.stdout.write("\n".join(lines) + "\n")
            sys.stdout.flush()

        self._console.above_progress(write)

    def close(self) -> None:
        """Rows are out already."""

    def _row(self, name: str, cells: Sequence[str]) -> str:
        name = printable(name)
        if len(name) > self._first:
            name = self._more + name[-(self._first - 1) :]
        width = self._rest if len(cells) == 1 else max(12, (self._rest + 2) // len(cells) - 2)
        cells = [printable(cell) for cell in cells]
        cut = [c if len(c) <= width else c[: width - 1] + self._more for c in cells]
        return "  ".join([f"{name:<{self._first}}", *(f"{c:<{width}}" for c in cut)]).rstrip()


def _why_none(inputs: Sequence[str]) -> str:
    """Why these gave no input: a clause, empty where there is nothing to say."""
    from visioncli.inputs.addresses import path_of, without_credentials

    reasons = []
    for text in inputs:
        path = path_of(text)
        if os.path.isdir(path):
            empty = "is empty" if not os.listdir(path) else "holds nothing but hidden, excluded or our own files"
            reasons.append(f"the folder {path} {empty}")
        else:
            reasons.append("standard input named none" if text == "-" else f"{without_credentials(text)} gave none")
    more = f" and {len(reasons) - 3} more" if len(reasons) > 3 else ""
    return f": {', '.join(reasons[:3])}{more}" if reasons else ""


def describe(predictions: Iterable[Any]) -> str:
    """Predictions in a few words, best first: labels with their scores or shares of the picture, or sentences."""
    return ", ".join(_in_words(p) for p in predictions) or "nothing found"


def _in_words(prediction: Any) -> str:
    # Those of a record from an earlier run are still plain JSON where networks are compared.
    if isinstance(prediction, dict):
        return f"{prediction['label']} {prediction['score']:.2f}"
    if hasattr(prediction, "truncation"):
        far = "" if prediction.distance is None else f", distance {prediction.distance:.3f}"
        return (prediction.label or "made") + far
    if hasattr(prediction, "peak_hz"):
        return f"loudest at {prediction.peak_s:.2f} s, {prediction.peak_hz:.0f} Hz"
    if hasattr(prediction, "stroke"):
        return f"{prediction.style}, {prediction.width} x {prediction.height}"
    if hasattr(prediction, "dimensions"):
        return f"{prediction.dimensions} numbers"
    if hasattr(prediction, "of"):
        return f"group {prediction.group}: {prediction.why if prediction.kind == 'kept' else prediction.kind}"
    if hasattr(prediction, "picture"):
        return f"{os.path.basename(prediction.picture)} {prediction.score:.2f}"
    if hasattr(prediction, "caption"):
        return str(prediction.caption)
    if prediction.score is None:
        return f"{prediction.label} {prediction.share * 100:.1f} %"
    return f"{prediction.label} {prediction.score:.2f}"
