"""Pages of a PDF, drawn."""

from pathlib import Path

import pytest
from PIL import Image

from visioncli import pictures
from visioncli.errors import InputError
from visioncli.inputs.pages import Paging
from visioncli.inputs.pdf_pages import count, draw
from visioncli.inputs.sources import Expansion

pytestmark = pytest.mark.pdf


def pdf(path: Path, pages: str, more: str = "") -> str:
    """A document of which the objects of its tree are given."""
    objects = ["<</Type/Catalog/Pages 2 0 R>>", pages, *filter(None, more.split("|"))]
    text, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(text))
        text += f"{number} 0 obj{body}endobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    text += f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer<</Root 1 0 R/Size {size}>>\n"
    path.write_text(text + f"startxref\n{text.index('xref')}\n%%EOF\n")
    return str(path)


def page(width: float, height: float) -> str:
    return f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {width} {height}]>>"


def test_pages_have_the_pixels_of_their_size_and_resolution(tmp_path: Path) -> None:
    path = pdf(tmp_path / "a.pdf", "<</Type/Pages/Count 2/Kids[3 0 R 4 0 R]>>", f"{page(72, 144)}|{page(36, 36)}")
    assert count(path) == 2
    for dpi in (72, 150, 300):
        assert pictures.read(draw(path, 1, dpi, 10**9)).image.size == (dpi, 2 * dpi)
    assert pictures.read(draw(path, 2, 144, 10**9)).rgb.min() == 255  # paper is white


def test_a_page_with_too_many_pixels_is_refused_before_it_is_drawn(tmp_path: Path) -> None:
    path = pdf(tmp_path / "a.pdf", "<</Type/Pages/Count 1/Kids[3 0 R]>>", page(14_400, 14_400))
    with pytest.raises(InputError, match=r"30,000 x 30,000 pixels.*--dpi") as caught:
        draw(path, 1, 150, 179_000_000)
    assert caught.value.kind == "too_large"


def test_a_document_without_pages_is_a_failure(tmp_path: Path) -> None:
    path = pdf(tmp_path / "a.pdf", "<</Type/Pages/Count 0/Kids[]>>")
    (item,) = Expansion(paging=Paging.parse("all", 150, 10**9)).items([path])
    with pytest.raises(InputError, match=r"has no pages|cannot be read"):
        item.content()  # type: ignore[attr-defined]


def test_damage_and_encryption_are_sentences(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4 rubbish")
    with pytest.raises(InputError, match="The PDF cannot be read"):
        count(str(tmp_path / "a.pdf"))
    Image.new("RGB", (9, 9)).save(tmp_path / "b.pdf")
    data = (tmp_path / "b.pdf").read_bytes()
    at = data.rindex(b"/Root")
    lock = b"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<" + b"11" * 32 + b">/U<" + b"22" * 32 + b">>>/ID[<00><00>]"
    (tmp_path / "b.pdf").write_bytes(data[:at] + lock + data[at:])
    with pytest.raises(InputError, match="encrypted") as caught:
        count(str(tmp_path / "b.pdf"))
    assert caught.value.kind == "read_failed"


def test_a_page_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    path = pdf(tmp_path / "a.pdf", "<</Type/Pages/Count 1/Kids[3 0 R]>>", page(72, 72))
    with pytest.raises(InputError) as caught:
        draw(path, 2, 72, 10**9)
    assert caught.value.kind == "not_found"
