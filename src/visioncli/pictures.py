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
from typing import IO

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError

from visioncli.addresses import is_url
from visioncli.errors import InputError, UnreadablePicture

DEFAULT_MAX_PIXELS = 179_000_000
MAX_PIPE_BYTES = 1 << 30
PIPE_SECONDS = 10.0
"""How long a named pipe may stay silent: nobody may ever write to one that lies in a folder of pictures."""


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
    source: str,
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    allow_truncated: bool = False,
    admit: Callable[[int], None] = lambda pixels: None,
    enough: int | None = None,
) -> Picture:
    """The picture at a path or http(s) address.

    Of a JPEG file that has several times the `enough` pixels on its shorter side, only a half, a quarter or an eighth
    of the rows and columns is decoded, never fewer than `enough`: libjpeg then averages while it decodes.
    `admit` is called with the number of pixels before they are decoded; it may wait.
    Raises InputError (mostly UnreadablePicture) with a sentence for the user, whatever the decoder raised.
    """
    start = time.perf_counter()
    try:
        stream: IO[bytes] = _download(source) if is_url(source) else _open_file(source)
        with stream:
            image, size = _decode(stream, max_pixels, allow_truncated, admit, enough)
    except InputError:
        raise
    except OSError as problem:
        raise InputError(*_explain_os_error(problem)) from problem
    reduced = size != image.size
    return Picture(image, (time.perf_counter() - start) * 1000, size if reduced else None)


def decode(
    stream: IO[bytes],
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    allow_truncated: bool = False,
    admit: Callable[[int], None] = lambda pixels: None,
) -> Image.Image:
    """The picture in an open file, upright, of mode RGB. Raises UnreadablePicture."""
    return _decode(stream, max_pixels, allow_truncated, admit, None)[0]


def _decode(
    stream: IO[bytes],
    max_pixels: int,
    allow_truncated: bool,
    admit: Callable[[int], None],
    enough: int | None,
) -> tuple[Image.Image, tuple[int, int]]:
    """The picture, and the whole picture's upright width and height."""
    if not stream.read(1):
        raise UnreadablePicture("The file is empty (0 bytes). Copy or download it again.", "empty_file")
    stream.seek(0)
    ImageFile.LOAD_TRUNCATED_IMAGES = allow_truncated
    # Pillow's own limit, which it also holds against pictures inside a file (icons), must not undercut ours.
    Image.MAX_IMAGE_PIXELS = max_pixels
    try:
        with Image.open(stream) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise _too_large(f"{width} x {height} = {width * height:,} pixels", max_pixels)
            if width < 1 or height < 1:
                raise UnreadablePicture(f"The picture has no pixels ({width} x {height}).")
            if enough is not None and min(width, height) >= 2 * enough:
                share = enough / min(width, height)
                image.draft(None, (math.ceil(width * share), math.ceil(height * share)))
            admit(image.width * image.height)
            image.load()
            if image.size == (width, height):
                whole = _to_rgb(_upright(image))
                return whole, whole.size
            turned = _is_turned(image)
            return _to_rgb(_upright(image)), (height, width) if turned else (width, height)
    except InputError:
        raise
    except Image.DecompressionBombError as problem:
        number = re.search(r"\d+", str(problem))
        raise _too_large(f"{int(number[0]):,} pixels" if number else "too many pixels", max_pixels) from None
    except Exception as problem:
        raise _explain_decoder(problem) from problem


def _download(address: str) -> IO[bytes]:
    from visioncli.fetch import fetch

    return io.BytesIO(fetch(address))


def planes(image: Image.Image) -> np.ndarray:
    """A picture of mode RGB -> `(3, H, W) float32` of 0 to 255: colours apart, as networks take them."""
    found = np.empty((3, image.height, image.width), np.float32)
    # Apart while they are bytes: four times less to move than floats.
    for plane, band in zip(found, image.split(), strict=True):
        plane[:] = np.asarray(band)
    return found


def _open_file(path: str) -> IO[bytes]:
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        # Only a folder that could not be listed comes here.
        os.listdir(path)
        raise InputError("not_a_file", "This is a folder, not a picture.")
    if stat.S_ISFIFO(mode):
        return io.BytesIO(_read_pipe(path))
    if not stat.S_ISREG(mode):
        raise InputError("not_a_file", "This is a device or socket, not a picture file.")
    return open(path, "rb")


def _read_pipe(path: str) -> bytes:
    data = bytearray()
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    ready = select.poll()
    ready.register(pipe, select.POLLIN)
    try:
        while ready.poll(PIPE_SECONDS * 1000):
            chunk = os.read(pipe, 1 << 20)
            data += chunk
            if len(data) > MAX_PIPE_BYTES:
                raise InputError("too_large", f"The pipe gave more than {MAX_PIPE_BYTES >> 20} MiB.")
            if not chunk:
                return bytes(data)
    finally:
        os.close(pipe)
    raise InputError("read_failed", f"Nothing came through this pipe for {PIPE_SECONDS:.0f} s.")


def _explain_os_error(problem: OSError) -> tuple[str, str]:
    if isinstance(problem, FileNotFoundError):
        return (
            "not_found",
            "There is no such file. Check the path, or quote a pattern so that it reaches vision.",
        )
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


def _explain_decoder(problem: Exception) -> UnreadablePicture:
    if isinstance(problem, UnidentifiedImageError):
        return UnreadablePicture("This is not a picture in a format that can be read. Convert it to PNG or JPEG.")
    if isinstance(problem, MemoryError):
        return UnreadablePicture("Decoding it needs more memory than there is. Make the picture smaller.")
    words = " ".join(str(problem).split()) or "no reason given"
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


def _to_rgb(image: Image.Image) -> Image.Image:
    """A picture that owes nothing to the file it came from, of mode RGB."""
    mode = image.mode
    if mode == "RGB" and "transparency" not in image.info:
        return _detached(image)
    if mode.startswith("I;16"):
        return _grey_to_rgb(_divide_by_257(np.asarray(image)))
    if mode == "I":
        values = np.asarray(image)
        # PNG and PNM define 16-bit samples; Pillow widens them to 32 bits.
        sixteen = image.format in ("PNG", "PPM") and values.min() >= 0 and values.max() <= 65535
        return _grey_to_rgb(_divide_by_257(values) if sixteen else _stretch(values))
    if mode == "F":
        return _grey_to_rgb(_stretch(np.asarray(image)))
    if mode == "LAB":
        return _lab_to_rgb(image)
    if mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert({"La": "LA", "RGBa": "RGBA"}.get(mode, "RGBA")).convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _detached(image: Image.Image) -> Image.Image:
    """The same pixels without the file's comments and colour profile, which Pillow would write into pictures made
    of it. Copies them, but for JPEG: its whole picture is in memory once it is loaded."""
    if image.format != "JPEG":
        image = image.copy()
    image.info = {}
    return image


def _divide_by_257(values: np.ndarray) -> np.ndarray:
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _stretch(values: np.ndarray) -> np.ndarray:
    """Finite values onto 0..255; what is not finite becomes 0."""
    numbers = values.astype(np.float64)
    finite = np.isfinite(numbers)
    if not finite.any():
        return np.zeros(values.shape, np.uint8)
    low, high = float(numbers[finite].min()), float(numbers[finite].max())
    if values.dtype.kind == "f" and low >= 0.0 and high <= 1.0:
        low, high = 0.0, 1.0
    # Halves keep the difference of the largest doubles finite.
    span = high / 2 - low / 2 or 0.5
    scaled = np.where(finite, (numbers / 2 - low / 2) / span * 255.0, 0.0)
    return np.rint(scaled).astype(np.uint8)


def _grey_to_rgb(grey: np.ndarray) -> Image.Image:
    return Image.fromarray(grey).convert("RGB")


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    if converted is None:
        raise ValueError("LAB colours could not be converted")
    return converted
