"""Pages of a PDF as pictures, drawn by PDFium (pypdfium2, extra `pdf`)."""

import atexit
import threading
from functools import lru_cache
from typing import Any

from visioncli.errors import InputError
from visioncli.inputs.item import facts_of

PATIENCE_SECONDS = 60.0
"""So long a page may wait for another one, which cannot be ended."""
_lock = threading.Lock()
"""PDFium may be used by one thread at a time."""


def count(path: str) -> int:
    """How many pages there are. Raises InputError."""
    with _Alone():
        return len(_document(path, facts_of(path)))


def draw(path: str, page: int, dpi: float, max_pixels: int) -> bytes:
    """Page `page`, from 1, at `dpi` dots an inch, on white: the bytes of a file (PPM). Raises InputError."""
    with _Alone():
        document = _document(path, facts_of(path))
        if page > len(document):
            raise InputError("not_found", f"The document has {len(document):,} pages.")
        try:
            sheet = document[page - 1]
            try:
                width, height = (side * dpi / 72 for side in sheet.get_size())
                if not 0 < width * height <= max_pixels:
                    raise InputError(
                        "too_large",
                        f"The page would have {width:,.0f} x {height:,.0f} pixels; the limit is {max_pixels:,}. "
                        "Lower --dpi, or raise --max-pixels if you trust the file.",
                    )
                bitmap = sheet.render(scale=dpi / 72, rev_byteorder=True)
                pixels = bitmap.to_numpy()[..., :3]
                if pixels.shape[2] == 1:
                    pixels = pixels.repeat(3, axis=2)
                data = b"P6 %d %d 255\n" % pixels.shape[1::-1] + pixels.tobytes()
                bitmap.close()
                return bytes(data)
            finally:
                sheet.close()
        except InputError:
            raise
        except Exception as problem:  # noqa: BLE001 - becomes the sentence of its record
            raise _explained(problem) from None


class _Alone:
    """Until it ends, no other thread draws. Raises InputError where one does not come to an end."""

    def __enter__(self) -> None:
        if not _lock.acquire(timeout=PATIENCE_SECONDS):
            raise InputError("timed_out", "Another page takes too long to be drawn, and this one waited for it.")

    def __exit__(self, *problem: object) -> None:
        _lock.release()


@lru_cache(maxsize=2)
def _document(path: str, facts: str) -> Any:
    try:
        import pypdfium2
    except ImportError:
        raise InputError(
            "unreadable_picture",
            "This is a PDF document, whose pages are drawn by pypdfium2, which is not installed. Install it: pip "
            "install 'visioncli[pdf]'",
        ) from None
    # Behind pypdfium2's own: it speaks of documents that are still open then.
    atexit.register(_document.cache_clear)
    try:
        return pypdfium2.PdfDocument(path)
    except Exception as problem:  # noqa: BLE001 - becomes the sentence of its record
        raise _explained(problem) from None


def _explained(problem: Exception) -> InputError:
    words = " ".join(str(problem).split()).rstrip(".") or type(problem).__name__
    if "assword" in words:
        return InputError(
            "read_failed", "The PDF is encrypted. Save it without its password: qpdf --decrypt --password=… FILE"
        )
    return InputError("unreadable_picture", f"The PDF cannot be read ({words}). Save or download it again.")
