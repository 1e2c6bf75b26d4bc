"""What a file is that is no picture, by its first bytes, and what a name means that is no file: asked once all else
has failed, so that pictures never pay for it."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass

HEAD = 4096
"""Bytes of a file that `describe` looks at."""

_FRAMES = "Take pictures out of it first: ffmpeg -i FILE frame-%04d.jpg"
_UNPACK = "Unpack it and give the folder"
_DEVELOP = "Develop it first, for instance with darktable-cli FILE picture.jpg"
_CONVERT = "Convert it to PNG or JPEG"
_SOUND = (
    "Recordings are for networks of sound: vision classify without --model, or with --model yamnet; classify, "
    "gradcam, embed, similar and eval with a RUN of one's own. vision spectrogram draws them, and vision train "
    "--check finds copies among them."
)
_CONVERT_SOUND = "Convert it to WAV, for instance with ffmpeg -i FILE recording.wav"
_EXPORT = "Export what you need from it as PNG or JPEG."
_WEIGHTS = "Networks go behind --model or --weights."


CAMERA_RAW = (
    f"This is a camera's raw file (DNG, NEF, ARW, CR2 or alike), whose picture is not developed yet. {_DEVELOP}."
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: what to call it, what to do, and what tells it: bytes at all of `places`, or a `test`."""

    name: str
    advice: str
    places: tuple[tuple[int, bytes], ...] = ()
    test: Callable[[bytes], bool] | None = None

    def holds(self, head: bytes) -> bool:
        """Whether a file that begins like this is of this kind."""
        if self.test is not None:
            return self.test(head)
        return all(head[place : place + len(sign)] == sign for place, sign in self.places)


def _begins(*signs: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(signs)


def _brand(*brands: bytes) -> Callable[[bytes], bool]:
    """ISO base media files: `ftyp`, then the brand."""
    return lambda head: head[4:8] == b"ftyp" and head[8:12] in brands


def _markup(*tags: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[:3] != b"\0\0\0" and any(tag in head[:1024].lower() for tag in tags)


def _zip_with(*names: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(b"PK\x03\x04") and any(name in head[:512] for name in names)


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16
        return True
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as problem:
        if problem.start < len(head) - 3 or not problem.start:
            return False
        text = head[: problem.start].decode("utf-8")
    return not re.search(r"[\0-\x08\x0e-\x1a\x1c-\x1f]", text)


HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

KINDS = (
    Kind("a HEIC picture", "", test=_brand(*HEIF_BRANDS)),
    Kind("an AVIF picture, which this build of Pillow does not read", _CONVERT, test=_brand(b"avif", b"avis")),
    Kind("a camera's raw file (CR3)", _DEVELOP, test=_brand(b"crx ")),
    Kind("a camera's raw file (CR2)", _DEVELOP, ((0, b"II*\0"), (8, b"CR"))),
    Kind(
        "a camera's raw file",
        _DEVELOP,
        test=_begins(b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb"),
    ),
    Kind("sound (M4A)", _CONVERT_SOUND, test=_brand(b"M4A ", b"M4B ")),
    Kind("a QuickTime video", _FRAMES, test=_brand(b"qt  ")),
    Kind("an MP4 video", _FRAMES, ((4, b"ftyp"),)),
    Kind("a QuickTime video", _FRAMES, test=lambda head: head[4:8] in (b"moov", b"mdat", b"wide")),
    Kind("an AVI video", _FRAMES, ((0, b"RIFF"), (8, b"AVI "))),
    Kind("a Matroska or WebM video", _FRAMES, ((0, b"\x1a\x45\xdf\xa3"),)),
    Kind("an MPEG video", _FRAMES, test=_begins(b"\0\0\1\xba", b"\0\0\1\xb3")),
    Kind("an MPEG transport stream, a video", _FRAMES, ((0, b"G"), (188, b"G"), (376, b"G"))),
    Kind("a Flash video", _FRAMES, ((0, b"FLV\x01"),)),
    Kind("a Windows Media video or sound", _FRAMES, ((0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),)),
    Kind("sound (Ogg)", _SOUND, test=lambda h: h[:4] == b"OggS" and any(s in h[:128] for s in (b"vorbis", b"Opus"))),
    Kind("an Ogg video or sound", _FRAMES, ((0, b"OggS"),)),
    Kind("sound (WAV)", _SOUND, ((0, b"RIFF"), (8, b"WAVE"))),
    Kind("sound (AIFF)", _SOUND, ((0, b"FORM"), (8, b"AIF"))),
    Kind("sound (FLAC)", _SOUND, ((0, b"fLaC"),)),
    Kind("sound (MP3)", _SOUND, test=_begins(b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"\xff\xfa")),
    Kind("sound (MIDI)", "These are notes, not a recording: have a synthesiser play them.", ((0, b"MThd"),)),
    Kind(
        "a PDF document",
        "Give it a name that ends in .pdf, or make pictures of its pages: pdftoppm -png FILE page",
        test=lambda h: b"%PDF-" in h[:1024],
    ),
    Kind("an OpenDocument file or e-book", _EXPORT, test=_zip_with(b"mimetypeapplication/")),
    Kind("an Office document", _EXPORT, test=_zip_with(b"[Content_Types].xml")),
    Kind("an old Office document", _EXPORT, ((0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),)),
    Kind("a PyTorch file", _WEIGHTS, test=_zip_with(b"/data.pkl", b"/.format_version", b"/constants.pkl")),
    Kind("a PyTorch file", _WEIGHTS, test=_begins(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19")),
    Kind("a safetensors file", _WEIGHTS, test=lambda h: h[8:10] == b'{"' and h[4:8] == b"\0\0\0\0"),
    Kind(
        "a file of NumPy arrays (npz)",
        "Save the arrays as PNG: Image.fromarray(array).save(NAME)",
        test=_zip_with(b".npy"),
    ),
    Kind("a NumPy array (npy)", "Save it as PNG: Image.fromarray(array).save(NAME)", ((0, b"\x93NUMPY"),)),
    Kind("a zip archive", f"{_UNPACK} (unzip FILE)", test=_begins(b"PK\x03\x04", b"PK\x05\x06")),
    Kind("a tar archive", f"{_UNPACK} (tar -xf FILE)", ((257, b"ustar"),)),
    Kind("compressed (gzip)", f"{_UNPACK} (tar -xf FILE, or gunzip FILE)", ((0, b"\x1f\x8b"),)),
    Kind("compressed (bzip2)", f"{_UNPACK} (tar -xf FILE, or bunzip2 FILE)", ((0, b"BZh"), (4, b"1AY&SY"))),
    Kind("compressed (xz)", f"{_UNPACK} (tar -xf FILE, or unxz FILE)", ((0, b"\xfd7zXZ\0"),)),
    Kind("compressed (zstd)", f"{_UNPACK} (tar -xf FILE, or unzstd FILE)", ((0, b"\x28\xb5\x2f\xfd"),)),
    Kind("a 7z archive", f"{_UNPACK} (7z x FILE)", ((0, b"7z\xbc\xaf\x27\x1c"),)),
    Kind("a RAR archive", f"{_UNPACK} (unrar x FILE)", ((0, b"Rar!\x1a\x07"),)),
    Kind("a DICOM file", "Convert it to PNG, for instance with dcm2img FILE picture.png", ((128, b"DICM"),)),
    Kind("an HDF5 file", "Save what is to be looked at as PNG.", ((0, b"\x89HDF\r\n\x1a\n"),)),
    Kind(
        "a file of weather data", "Save what is to be looked at as PNG.", test=_begins(b"GRIB", b"BUFR", b"CDF\x01")
    ),
    Kind(
        "a JPEG XL picture", f"{_CONVERT} (djxl FILE picture.png)", test=_begins(b"\xff\x0a", b"\0\0\0\x0cJXL \r\n")
    ),
    Kind("an OpenEXR picture", _CONVERT, ((0, b"\x76\x2f\x31\x01"),)),
    Kind("a Radiance HDR picture", _CONVERT, test=_begins(b"#?RADIANCE", b"#?RGBE")),
    Kind("a GIMP picture (XCF)", _EXPORT, ((0, b"gimp xcf"),)),
    Kind("a large Photoshop picture (PSB)", _EXPORT, ((0, b"8BPS\0\x02"),)),
    Kind("a database (SQLite)", _EXPORT, ((0, b"SQLite format 3\0"),)),
    Kind("a program", "Check the path.", test=_begins(b"\x7fELF", b"MZ\x90", b"\xcf\xfa\xed\xfe")),
    Kind("what macOS notes beside a file", "Leave it out: --exclude '._*'", ((0, b"\0\x05\x16\x07"),)),
    Kind("a placeholder of Git LFS", "Fetch the file itself: git lfs pull", test=_begins(b"version https://git-lfs")),
    Kind("nothing but zero bytes", "Copy it again: it was never written whole.", test=lambda h: not h.strip(b"\0")),
    Kind(
        "a web page",
        "A server may have sent it in place of the picture: an error, or a page to sign in.",
        test=_markup(b"<!doctype html", b"<html"),
    ),
    Kind("a drawing (SVG)", "Make a picture of it: rsvg-convert FILE -o picture.png", test=_markup(b"<svg")),
    Kind(
        "an XML file",
        "Annotations are compared by vision iou.",
        test=_begins(b"<?xml", b"\xef\xbb\xbf<?xml", b"<annotation"),
    ),
    Kind(
        "a JSON file",
        "Annotations are compared by vision iou.",
        test=lambda h: _is_text(h) and h.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")),
    ),
    Kind("text", "Paths are read from standard input: vision classify - < FILE", test=_is_text),
)
"""The first that holds counts."""


def describe(head: bytes) -> str | None:
    """A sentence about a file that begins with these `HEAD` bytes and is no picture; None where it is not known."""
    kind = next((kind for kind in KINDS if kind.holds(head)), None)
    if kind is None:
        return None
    advice = kind.advice or "It is read with an extra: pip install 'visioncli[heif]'. Or convert it to JPEG."
    return f"This is {kind.name}. {advice}{'' if advice[-1] == '.' else '.'}"


def is_heif(head: bytes) -> bool:
    """Whether a file that begins like this holds a picture as telephones write them (HEIC)."""
    return _brand(*HEIF_BRANDS)(head)


_COPY = "Copy the files here first"
SCHEMES = {
    "scp": f"{_COPY}, for instance with scp",
    "rtsp": "Take pictures from it first: ffmpeg -i ADDRESS -frames:v 1 picture.jpg",
    "rtmp": "Take pictures from it first: ffmpeg -i ADDRESS -frames:v 1 picture.jpg",
}
"""What to do about addresses that are not fetched. Others are told apart only by `://`."""


def explain_missing(path: str) -> str:
    """A sentence about a path where there is nothing: an address that is not fetched, a camera, or a broken link."""
    scheme = re.match(r"([a-z][a-z0-9+.\-]*):/", path, re.IGNORECASE)
    if scheme and scheme[0].lower() in ("http:/", "https:/"):
        return f"An address has two slashes: {scheme[0]}/HOST/PATH"
    if scheme and scheme[0].lower() == "file:/":
        return "There is no such file on this machine. A file address is file:///PATH, or just the path."
    if scheme and path[scheme.end() :].startswith("/"):
        name = scheme[1].lower()
        advice = SCHEMES.get(name, f"{_COPY}, or give an https address")
        return f"Addresses that begin with {name}:// are not fetched, only http(s) and object stores. {advice}."
    if path[:5].lower() == "data:":
        return "This is a picture written as text (a data address). Save it to a file first: base64 -d."
    if path.isascii() and path.isdigit() and len(path) < 3:
        return f"There is no file called {path}. {_CAMERA}"
    if link := _broken_link(path):
        return link
    return "There is no such file. Check the path, or quote a pattern so that it reaches vision."


_CAMERA = "A camera is named by its number, camera:0, where frames of videos are taken: see vision detect --help."


def explain_device(path: str) -> str:
    """A sentence about a device or socket, which is no picture file."""
    if re.fullmatch(r"/dev/video\d+", path):
        return f"This is a camera. {_CAMERA}"
    return "This is a device or socket, not a picture file."


def _broken_link(path: str) -> str | None:
    """Where the first link on the way to `path` leads that leads nowhere."""
    place = ""
    for part in path.split("/"):
        place = f"{place}{part}"
        if part and os.path.islink(place) and not os.path.exists(place):
            which = "This is a link" if place == path else f"{place} is a link"
            return f"{which} to {os.readlink(place)}, where there is nothing. Put the file there, or mend the link."
        place += "/"
    return None
