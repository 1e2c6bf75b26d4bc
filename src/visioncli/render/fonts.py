"""Which typeface can show a text: the one that comes with Pillow, else one of the system's, else a plainer text."""

import unicodedata
from functools import cache, lru_cache

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

BUNDLED = ""
"""Stands for Pillow's own typeface (Aileron), which has little more than ASCII."""
_SYSTEM = (
    # Searched by name in the system's folders, from those with many scripts to those with one.
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "segoeui.ttf", "arial.ttf"),
    *("Arial Unicode.ttf", "Arial.ttf", "NotoSansCJK-Regular.ttc", "DroidSansFallbackFull.ttf", "wqy-microhei.ttc"),
    *("msyh.ttc", "YuGothM.ttc", "malgun.ttf", "PingFang.ttc", "Hiragino Sans GB.ttc", "AppleSDGothicNeo.ttc"),
    *("NotoSansArabic-Regular.ttf", "NotoSansHebrew-Regular.ttf", "NotoSansDevanagari-Regular.ttf"),
    *("NotoSansThai-Regular.ttf", "Nirmala.ttf", "unifont.ttf"),
)
_NO_LETTER = "\uffff"
_PROBE = 20
_REMEMBERED = 4096


@lru_cache(maxsize=64)
def font(size: int, typeface: str = BUNDLED) -> Font:
    """A typeface at `size` pixels."""
    return ImageFont.truetype(typeface, size) if typeface else ImageFont.load_default(size)


@lru_cache(maxsize=_REMEMBERED)
def typeface_of(text: str) -> str:
    """The first typeface that has a glyph for each letter of `text`; Pillow's own where none has all."""
    if all(_has(BUNDLED, letter) for letter in text):
        return BUNDLED
    return next((t for t in _SYSTEM if _found(t) and all(_has(t, letter) for letter in text)), BUNDLED)


@lru_cache(maxsize=_REMEMBERED)
def legible(text: str, otherwise: str = "") -> str:
    """`text` in one line of letters that can be shown.

    Where no typeface has them all, letters lose their accents (`größe` becomes `grosse`), and those without a
    plainer form are left out; `otherwise` stands for a text of which no letter or digit would remain.
    """
    line = "".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", text))
    line = " ".join(line.split())
    if typeface_of(line) == BUNDLED:
        line = " ".join("".join(_plainer(letter) for letter in line).split())
    return line if any(c.isalnum() for c in line) else otherwise


def _plainer(letter: str) -> str:
    for form in (letter, unicodedata.normalize("NFKD", letter), unicodedata.normalize("NFKD", letter.casefold())):
        if shown := "".join(c for c in form if _has(BUNDLED, c)):
            return shown
    return ""


@lru_cache(maxsize=_REMEMBERED)
def _has(typeface: str, letter: str) -> bool:
    """Whether a typeface has a glyph of its own for a letter, and not only the box that stands for all others."""
    return letter.isspace() or bytes(font(_PROBE, typeface).getmask(letter)) != _missing(typeface)


@cache
def _missing(typeface: str) -> bytes:
    return bytes(font(_PROBE, typeface).getmask(_NO_LETTER))


@cache
def _found(typeface: str) -> bool:
    try:
        font(_PROBE, typeface)
    except OSError:
        return False
    return True
