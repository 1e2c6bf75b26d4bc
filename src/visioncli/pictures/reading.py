"""Bytes -> upright 8-bit RGB picture, or UnreadablePicture. One documented rule for each kind of file.

EXIF orientation is applied (a broken EXIF block is ignored). Alpha is laid on white. Animated files give
their first frame. CMYK, LAB, YCbCr, HSV, palette, 1-bit and grey are converted. 16-bit samples are divided by
257; 32-bit and float samples are stretched from their smallest and largest value to 0..255 (floats that lie
in 0..1 are multiplied by 255): scaled, never clipped.
"""

import errno
import io
import math
import os
import re
import select
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, cast

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

from visioncli.errors import InputError, UnreadablePicture
from visioncli.inputs import within
from visioncli.inputs.addresses import is_url
from visioncli.pictures import apart, file_kinds, footprint
from visioncli.pictures.patience import Patience, WatchedFile
from visioncli.pictures.to_rgb import to_rgb

DEFAULT_MAX_PIXELS = 179_000_000
MAX_PIPE_BYTES = 1 << 30
PIPE_SECONDS = 10.0
"""How long a named pipe may stay silent: nobody may ever write to one that lies in a folder of pictures."""
_PROGRESSIVE_BLOCK = 4096
"""Bytes that are decoded before time is looked at: so few may hold a dozen scans of a whole picture."""
_PROGRAMS = ("EPS", "WMF")
"""Not pictures but programs that draw one: Pillow would have them run by Ghostscript or by Windows."""
_SUBFILE_TYPE, _SUB_IFDS = 254, 330
"""Tags of TIFF."""


# Not a slotted dataclass: the runner hangs a weak reference on each picture to learn when its memory is free.
@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture: `image` is upright, of mode RGB; `decode_ms` is what reading it took.

    `full_size` is (width, height) of the whole picture where `image` was decoded smaller.
    The pixels stay in Pillow's hands, because most networks first have them resized, and every array costs a copy.
    """

    image: Image.Image
    decode_ms: float
    full_size: tuple[int, int] | None = None

    @property
    def width(self) -> int:
        """Of the whole picture, in pixels."""
        return self.full_size[0] if self.full_size else self.image.width

    @property
    def height(self) -> int:
        """Of the whole picture, in pixels."""
        return self.full_size[1] if self.full_size else self.image.height

    @property
    def rgb(self) -> np.ndarray:
        """The pixels of `image` as `(H, W, 3) uint8`, copied at each call."""
        return np.asarray(self.image)


def read(
    source: str | bytes | IO[bytes],
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    allow_truncated: bool = False,
    admit: Callable[[int], None] = lambda needed: None,
    enough: int | None = None,
    patience: Patience | None = None,
) -> Picture:
    """The picture at a path or http(s) address, of the bytes of a file, or of an open one, which is then closed.

    Of a JPEG file that has several times the `enough` pixels on its shorter side, only a half, a quarter or an eighth
    of the rows and columns is decoded, never fewer than `enough`: libjpeg then averages while it decodes.
    `admit` is called, before anything is decoded, with the bytes that this takes at the most; it may wait.
    `patience` is how long all this may take, but for a download, which has a limit of its own.
    Raises InputError (mostly UnreadablePicture) with a sentence for the user, whatever the decoder raised.
    """
    start = time.perf_counter()
    patience = patience or Patience()
    try:
        with _opened_source(source, patience) as stream:
            image, size = _decode(stream, max_pixels, allow_truncated, admit, enough, patience)
    except InputError:
        raise
    except OSError as problem:
        raise InputError(*_explain_os_error(problem, source if isinstance(source, str) else "")) from problem
    reduced = size != image.size
    return Picture(image, (time.perf_counter() - start) * 1000, size if reduced else None)


def at_hand(source: str, patience: Patience) -> str | bytes:
    """The path of a file as it is; what an address or a named pipe gives, as bytes, for it can be read once only.

    Raises InputError; of what is not there at all, `read` says so.
    """
    try:
        if is_url(source):
            with _download(source, patience) as stream:
                return stream.read()
        return _read_pipe(source, patience) if stat.S_ISFIFO(os.stat(source).st_mode) else source
    except OSError:
        return source


def decode(
    stream: IO[bytes],
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    allow_truncated: bool = False,
    admit: Callable[[int], None] = lambda needed: None,
) -> Image.Image:
    """The picture in an open file, upright, of mode RGB. Raises UnreadablePicture."""
    return _decode(stream, max_pixels, allow_truncated, admit, None, Patience())[0]


def of_memory(given: Image.Image | np.ndarray, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """A picture that is in memory, as if it came from a file: upright, of mode RGB. What is given stays as it is.

    Of an animation it is the frame at which it stands. Arrays are `(H, W, 3) uint8`, RGB. Raises UnreadablePicture.
    """
    start = time.perf_counter()
    try:
        width, height = given.size if isinstance(given, Image.Image) else (given.shape[1], given.shape[0])
        if width < 1 or height < 1:
            raise UnreadablePicture(f"The picture has no pixels ({width} x {height}).")
        if width * height > max_pixels:
            raise _too_large(f"{width} x {height} = {width * height:,} pixels", max_pixels)
        if isinstance(given, Image.Image):
            given.load()
            own = _upright(given.copy())
            own.format = given.format  # of which the rules for numbers of 16 bits make a difference
        else:
            own = Image.fromarray(np.ascontiguousarray(given))
        image = to_rgb(own)
    except InputError:
        raise
    except MemoryError:
        raise _no_memory() from None
    except Exception as problem:
        raise _explain_decoder(problem, io.BytesIO()) from problem
    return Picture(image, (time.perf_counter() - start) * 1000)


def _decode(
    stream: IO[bytes],
    max_pixels: int,
    allow_truncated: bool,
    admit: Callable[[int], None],
    enough: int | None,
    patience: Patience,
) -> tuple[Image.Image, tuple[int, int]]:
    """The picture, and the whole picture's upright width and height."""
    if not stream.read(1):
        raise UnreadablePicture("The file is empty (0 bytes). Copy or download it again.", "empty_file")
    stream.seek(0)
    ImageFile.LOAD_TRUNCATED_IMAGES = allow_truncated
    # Pillow's own limit, which it also holds against pictures inside a file (icons), must not undercut ours.
    Image.MAX_IMAGE_PIXELS = max_pixels
    try:
        with _opened(stream, patience) as image:
            width, height = image.size
            _check_kind(image, stream)
            if width * height > max_pixels:
                raise _too_large(f"{width} x {height} = {width * height:,} pixels", max_pixels)
            if width < 1 or height < 1:  # also of files that Pillow knows, but leaves to others
                told = file_kinds.describe(_head(stream))
                raise UnreadablePicture(told or f"The picture has no pixels ({width} x {height}).")
            if enough is not None and min(width, height) >= 2 * enough:
                share = enough / min(width, height)
                image.draft(None, (math.ceil(width * share), math.ceil(height * share)))
            _check_footprint(image, (width, height), max_pixels)
            with patience.paused():
                admit(footprint.while_decoding(image, (width, height)))
            if "progressive" in image.info:
                image.decodermaxblock = _PROGRESSIVE_BLOCK
            if apart.is_wise(image, patience):
                whole = apart.decode(stream, max_pixels, allow_truncated=allow_truncated, patience=patience)
                return whole, whole.size
            image.load()
            if image.size == (width, height):
                whole = to_rgb(_upright(image))
                return whole, whole.size
            turned = _is_turned(image)
            return to_rgb(_upright(image)), (height, width) if turned else (width, height)
    except InputError:
        raise
    except MemoryError:
        raise _no_memory() from None
    except Image.DecompressionBombError as problem:
        number = re.search(r"\d+", str(problem))
        raise _too_large(f"{int(number[0]):,} pixels" if number else "too many pixels", max_pixels) from None
    except Exception as problem:
        patience.check()  # the decoder may have turned this into an error of its own
        raise _explain_decoder(problem, stream) from problem


def _opened(stream: IO[bytes], patience: Patience) -> ImageFile.ImageFile:
    # Pillow asks for no more than what is overridden in WatchedFile and passes on the rest.
    watched = cast("IO[bytes]", WatchedFile(stream, patience))
    try:
        return Image.open(watched)
    except UnidentifiedImageError:
        if not file_kinds.is_heif(_head(stream)):
            raise
        try:
            import pillow_heif
        except ImportError:
            raise UnreadablePicture(file_kinds.describe(_head(stream)) or "") from None
        pillow_heif.register_heif_opener(thumbnails=False)
        return Image.open(watched)


def _head(stream: IO[bytes]) -> bytes:
    stream.seek(0)
    head = stream.read(file_kinds.HEAD)
    stream.seek(0)
    return head


def _check_kind(image: Image.Image, stream: IO[bytes]) -> None:
    """Raises UnreadablePicture where Pillow would show something else than the picture."""
    if image.format in _PROGRAMS:
        raise UnreadablePicture(f"This is {image.format}: a program that draws, not a picture. Convert it to PNG.")
    if image.format == "TIFF" and _is_camera_raw(image, stream):
        raise UnreadablePicture(file_kinds.CAMERA_RAW)


def _is_camera_raw(image: Image.Image, stream: IO[bytes]) -> bool:
    """Whether what a TIFF shows first is a small copy, and the picture itself what a camera's sensor measured."""
    tags = image.tag_v2  # type: ignore[attr-defined]
    return (tags.get(_SUBFILE_TYPE, 0) == 1 and _SUB_IFDS in tags) or _is_cr2(stream)


def _is_cr2(stream: IO[bytes]) -> bool:
    here = stream.tell()
    stream.seek(8)
    sign = stream.read(2)
    stream.seek(here)
    return sign == b"CR"


def _check_footprint(image: Image.Image, whole: tuple[int, int], max_pixels: int) -> None:
    needed, limit = footprint.while_decoding(image, whole), footprint.limit(max_pixels)
    what = f"Decoding a picture of {whole[0]} x {whole[1]} pixels from {image.format}"
    if needed <= limit:
        needed = footprint.in_use(*image.size)
        what = f"A picture as long as this, of {whole[0]} x {whole[1]} pixels,"
    if needed > limit:
        raise UnreadablePicture(
            f"{what} may take {needed / 1e9:,.1f} GB of memory; the limit is {limit / 1e9:,.1f} GB. "
            "Raise it with --max-pixels if you trust the file.",
            "too_large",
        )


def _opened_source(source: str | bytes | IO[bytes], patience: Patience) -> IO[bytes]:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    if not isinstance(source, str):
        return source
    if is_url(source):
        return _download(source, patience)
    if (data := within.content_of(source)) is not None:
        return io.BytesIO(data)
    return _open_file(source, patience)


def _download(address: str, patience: Patience) -> IO[bytes]:
    from visioncli.inputs.fetch import fetch

    with patience.paused():
        return io.BytesIO(fetch(address))


def planes(image: Image.Image) -> np.ndarray:
    """A picture of mode RGB -> `(3, H, W) float32` of 0 to 255: colours apart, as networks take them."""
    found = np.empty((3, image.height, image.width), np.float32)
    # Apart while they are bytes: four times less to move than floats.
    for plane, band in zip(found, image.split(), strict=True):
        plane[:] = np.asarray(band)
    return found


def _open_file(path: str, patience: Patience) -> IO[bytes]:
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        # Only a folder that could not be listed comes here.
        os.listdir(path)
        raise InputError("not_a_file", "This is a folder, not a picture.")
    if stat.S_ISFIFO(mode):
        return io.BytesIO(_read_pipe(path, patience))
    if not stat.S_ISREG(mode):
        raise InputError("not_a_file", file_kinds.explain_device(path))
    return open(path, "rb")


def _read_pipe(path: str, patience: Patience) -> bytes:
    data = bytearray()
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    ready = select.poll()
    ready.register(pipe, select.POLLIN)
    try:
        while ready.poll(PIPE_SECONDS * 1000):
            patience.check()
            chunk = os.read(pipe, 1 << 20)
            data += chunk
            if len(data) > MAX_PIPE_BYTES:
                raise InputError("too_large", f"The pipe gave more than {MAX_PIPE_BYTES >> 20} MiB.")
            if not chunk:
                return bytes(data)
    finally:
        os.close(pipe)
    raise InputError("read_failed", f"Nothing came through this pipe for {PIPE_SECONDS:.0f} s.")


def _explain_os_error(problem: OSError, source: str) -> tuple[str, str]:
    if isinstance(problem, FileNotFoundError) or source[:5].lower() == "data:":
        return "not_found", file_kinds.explain_missing(source)
    if isinstance(problem, PermissionError):
        return "permission_denied", "The file may not be read. Change its permissions (chmod +r)."
    if problem.errno == errno.ELOOP:
        return "not_found", "The link points back to itself."
    if problem.errno == errno.ENAMETOOLONG:
        return "not_found", "There is no such file: the name is longer than a file name can be."
    return "read_failed", f"The file could not be read: {problem.strerror or problem}."


def _too_large(size: str, max_pixels: int) -> UnreadablePicture:
    return UnreadablePicture(
        f"The picture has {size}; the limit is {max_pixels:,}. Raise it with --max-pixels if you trust the file.",
        "too_large",
    )


def _no_memory() -> UnreadablePicture:
    return UnreadablePicture("It needs more memory than there is. Make the picture smaller.", "too_large")


def _explain_decoder(problem: Exception, stream: IO[bytes]) -> UnreadablePicture:
    words = " ".join(str(problem).split()) or "no reason given"
    # Some files Pillow recognises but leaves to others, who are not there.
    if isinstance(problem, UnidentifiedImageError) or words.startswith(("cannot find loader", "cannot load this")):
        kind = None
        with suppress(OSError, ValueError):
            kind = file_kinds.describe(_head(stream))
        return UnreadablePicture(
            kind or "This is not a picture in a format that can be read. Convert it to PNG or JPEG."
        )
    if "truncated" in words.lower():
        return UnreadablePicture(
            f"The file ends too early ({words}). Copy it again, or take what is there with --allow-truncated.",
            "truncated_picture",
        )
    return UnreadablePicture(
        f"The file is damaged or uses an unsupported feature ({type(problem).__name__}: {words[:200]}). "
        "Open and save it again in another program, or convert it to PNG."
    )


def _upright(image: Image.Image) -> Image.Image:
    with suppress(Exception):  # a broken EXIF block must not cost the picture
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _is_turned(image: Image.Image) -> bool:
    """Whether its EXIF orientation exchanges width and height."""
    with suppress(Exception):  # as in `_upright`
        return int(image.getexif().get(ExifTags.Base.Orientation, 1)) >= 5
    return False
