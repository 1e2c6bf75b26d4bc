import pytest

from visioncli.render import fonts
from visioncli.render.fonts import BUNDLED, legible, typeface_of


@pytest.fixture
def no_system_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_SYSTEM", ())
    legible.cache_clear()
    typeface_of.cache_clear()
    yield
    legible.cache_clear()
    typeface_of.cache_clear()


@pytest.mark.parametrize("text", ["person", "hot dog", "a-b_c (3)", "50 %"])
def test_plain_text_stays_and_needs_no_system_font(text: str) -> None:
    assert legible(text) == text
    assert typeface_of(text) == BUNDLED


@pytest.mark.usefixtures("no_system_fonts")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        *(("größe", "grosse"), ("Äpfel", "Apfel"), ("e\u0301clair", "eclair"), ("猫 (cat)", "(cat)"), ("猫", "#7")),
        *(("ключ", "#7"), ("🐈", "#7"), ("", "#7"), ("two\nlines", "two lines"), ("\u202eabc", "abc")),
    ],
)
def test_without_a_system_font_no_letter_becomes_an_empty_box(text: str, shown: str) -> None:
    assert legible(text, "#7") == shown


def test_a_system_font_shows_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    def has(typeface: str, letter: str) -> bool:
        return letter.isascii() or typeface == "Other.ttf"

    monkeypatch.setattr(fonts, "_SYSTEM", ("Missing.ttf", "Other.ttf"))
    monkeypatch.setattr(fonts, "_found", lambda typeface: typeface == "Other.ttf")
    monkeypatch.setattr(fonts, "_has", has)
    legible.cache_clear()
    typeface_of.cache_clear()
    assert legible("größe 猫") == "größe 猫"
    assert (typeface_of("größe 猫"), typeface_of("cat")) == ("Other.ttf", BUNDLED)
    legible.cache_clear()
    typeface_of.cache_clear()
