"""Pages of TIFF and PDF and frames of GIF as inputs, `doc.pdf#page=3`: found one by one, read where wanted."""

import io
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from visioncli.errors import InputError, UsageError
from visioncli.inputs import pdf_pages, tiff_pages
from visioncli.inputs.item import Held, Item, facts_of, failed
from visioncli.inputs.read_ahead import Piece, ReadAhead

TIFFS, GIFS, PDFS = (".tif", ".tiff"), (".gif",), (".pdf",)
DEFAULT_DPI = 150.0
MOST_PAGES = 1_000_000
_PAGE = re.compile(r"(.*)#page=([0-9]{1,7})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Paging:
    """Which pages are inputs: those within `ranges` (first and last, from 1), all of them where that is empty, or
    without `wanted` only the first one, called as its file. `dpi` are the dots an inch at which PDF is drawn."""

    wanted: bool = False
    ranges: tuple[tuple[int, int], ...] = ()
    dpi: float = DEFAULT_DPI
    max_pixels: int = 179_000_000
    text: str = "all"

    @classmethod
    def parse(cls, text: str | None, dpi: float, max_pixels: int) -> "Paging":
        """What `--pages` says. Raises UsageError."""
        if text is None or text.strip().lower() == "all":
            return cls(text is not None, (), dpi, max_pixels)
        ranges = []
        for part in text.split(","):
            found = re.fullmatch(r"\s*([0-9]{1,7})\s*(?:(-)\s*([0-9]{0,7})\s*)?", part)
            if found is None:
                raise UsageError(f"--pages takes numbers such as 1-3,7 or all, not {text!r}.")
            first = int(found[1])
            last = first if not found[2] else int(found[3]) if found[3] else MOST_PAGES
            if not 1 <= first <= last:
                raise UsageError(f"--pages {text}: pages count from 1, and a range begins with its lower end.")
            ranges.append((first, last))
        return cls(True, tuple(ranges), dpi, max_pixels, text)

    def holds(self, page: int) -> bool:
        """Whether page number `page` is wanted."""
        return not self.ranges or any(first <= page <= last for first, last in self.ranges)

    @property
    def last(self) -> int:
        """The last page that may be wanted."""
        return max((last for _, last in self.ranges), default=MOST_PAGES)


def has_pages(path: str, paging: Paging) -> bool:
    """Whether a file of this name is taken apart into pages: PDF always, the others where pages are asked for."""
    return path.lower().endswith((*PDFS, *TIFFS, *GIFS) if paging.wanted else PDFS)


def split_page(path: str) -> tuple[str, int] | None:
    """The file and the number of the page that a path names; None where it names none."""
    found = _PAGE.fullmatch(path)
    if found and found[1].lower().endswith((*PDFS, *TIFFS, *GIFS)) and int(found[2]) and not os.path.lexists(path):
        return found[1], int(found[2])
    return None


def pages(item: Item, paging: Paging) -> Iterator[Held]:
    """The pages of a file that are wanted, in their order. What cannot be read is an input that fails."""
    kind = item.path.lower()
    try:
        each = _of_pdf if kind.endswith(PDFS) else _of_tiff if kind.endswith(TIFFS) else _of_gif
        found = False
        for page in each(item, paging):
            found = True
            yield page
        if not found:
            yield failed(item, "not_found", f"It has none of the pages {paging.text}.", item.path)
    except tiff_pages.DamagedTiff as problem:
        rest = "What follows cannot be read: the" if found else "The"
        yield failed(item, "unreadable_picture", f"{rest} TIFF is damaged ({problem}).", item.path)
    except InputError as problem:
        yield failed(item, problem.kind, str(problem), item.path)
    except OSError as problem:
        yield failed(item, "read_failed", f"The file could not be read: {problem.strerror or problem}.", item.path)


def _named(item: Item, page: int, stamp: str, **how: Any) -> Held:
    path, relative = f"{item.path}#page={page}", f"{item.relative}/page-{page:05d}"
    return Held(path, relative, item.root, stamp=f"{stamp}|page {page}", holder=item.path, **how)


def _of_pdf(item: Item, paging: Paging) -> Iterator[Held]:
    stamp = f"{facts_of(item.path)}|{paging.dpi:g} dpi"
    if not paging.wanted:
        content = _pdf_page(item.path, 1, paging)
        yield Held(item.path, item.relative, item.root, content, stamp, item.path)
        return
    count = pdf_pages.count(item.path)
    if not count:
        raise InputError("unreadable_picture", "The PDF has no pages.")
    for page in range(1, min(count, paging.last) + 1):
        if paging.holds(page):
            yield _named(item, page, stamp, content=_pdf_page(item.path, page, paging))


def _pdf_page(path: str, page: int, paging: Paging) -> Callable[[], bytes]:
    return lambda: pdf_pages.draw(path, page, paging.dpi, paging.max_pixels)


def _of_tiff(item: Item, paging: Paging) -> Iterator[Held]:
    stamp = facts_of(item.path)
    with open(item.path, "rb") as file:
        for page, place in enumerate(tiff_pages.places(file), start=1):
            if page > paging.last:
                return
            if paging.holds(page):
                yield _named(item, page, stamp, opened=_tiff_page(item.path, place))


def _tiff_page(path: str, place: int) -> Callable[[], IO[bytes]]:
    return lambda: tiff_pages.PageFile(path, place)  # type: ignore[return-value]


def _of_gif(item: Item, paging: Paging) -> Iterator[Held]:
    """Each frame is what changed since the one before: they come by in their order, and are held until they are
    used."""
    stamp, ahead = facts_of(item.path), ReadAhead()
    with _Frames(item.path, paging.max_pixels) as frames:
        for page in range(1, paging.last + 1):
            if not paging.holds(page):
                continue
            if not frames.go(page):
                return
            piece = Piece(frames.bytes, ahead, _gif_page(item.path, page, paging.max_pixels))
            yield _named(item, page, stamp, content=piece.content, streamed=True, ask=piece.ask, done=piece.done)
            piece.fill(frames.data)


class _Frames:
    """An open GIF. Raises InputError for whatever is wrong with it."""

    def __init__(self, path: str, max_pixels: int) -> None:
        from PIL import Image

        try:
            self._image: Any = Image.open(path, formats=("GIF",))
        except Exception as problem:  # noqa: BLE001 - becomes the sentence of its record
            raise _damaged_gif(problem) from None
        width, height = self._image.size
        self.bytes = 4 * width * height
        if width * height > max_pixels:
            self._image.close()
            raise InputError(
                "too_large",
                f"The picture has {width} x {height} = {width * height:,} pixels; the limit is {max_pixels:,}. "
                "Raise it with --max-pixels if you trust the file.",
            )

    def __enter__(self) -> "_Frames":
        return self

    def __exit__(self, *problem: object) -> None:
        self._image.close()

    def go(self, page: int) -> bool:
        """Goes on to a frame; whether there is one."""
        try:
            self._image.seek(page - 1)
        except EOFError:
            return False
        except Exception as problem:  # noqa: BLE001 - becomes the sentence of its record
            raise _damaged_gif(problem) from None
        return True

    def data(self) -> bytes:
        """The frame as the bytes of a file (PNG)."""
        file = io.BytesIO()
        try:
            self._image.save(file, "PNG", compress_level=1)
        except Exception as problem:  # noqa: BLE001 - becomes the sentence of its record
            raise _damaged_gif(problem) from None
        return file.getvalue()


def _damaged_gif(problem: Exception) -> InputError:
    words = " ".join(str(problem).split()) or type(problem).__name__
    return InputError("unreadable_picture", f"The GIF is damaged ({words}). Copy or download it again.")


def _gif_page(path: str, page: int, max_pixels: int) -> Callable[[], bytes]:
    def content() -> bytes:
        with _Frames(path, max_pixels) as frames:
            if not frames.go(page):
                raise InputError("not_found", "It has fewer frames.")
            return frames.data()

    return content


def one(path: str, page: int, paging: Paging) -> bytes:
    """The bytes of a picture of one page. Raises InputError, OSError."""
    if path.lower().endswith(PDFS):
        return pdf_pages.draw(path, page, paging.dpi, paging.max_pixels)
    if path.lower().endswith(GIFS):
        return _gif_page(path, page, paging.max_pixels)()
    try:
        with open(path, "rb") as file:
            for number, place in enumerate(tiff_pages.places(file), start=1):
                if number == page:
                    with _tiff_page(path, place)() as stream:
                        return stream.read()
    except tiff_pages.DamagedTiff as problem:
        raise InputError("unreadable_picture", f"The TIFF is damaged ({problem}).") from None
    raise InputError("not_found", "It has fewer pages.")


def named(item: Item, path: str, page: int, paging: Paging) -> Held:
    """The input that is one page of the file at `path`, as the path of an item says."""
    relative = f"{item.relative.removesuffix(f'#page={page}')}/page-{page:05d}"
    try:
        stamp = f"{facts_of(path)}|page {page}|{paging.dpi:g} dpi"
    except OSError:
        return failed(item, "not_found", f"There is no such file: {path}. Check the path.", path)
    return Held(item.path, relative, item.root, lambda: one(path, page, paging), stamp, path)
