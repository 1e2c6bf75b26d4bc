"""Pages and frames as inputs: which, called how, read how."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visioncli import pictures
from visioncli.errors import InputError, UsageError
from visioncli.inputs.item import Held, Item
from visioncli.inputs.pages import Paging, split_page
from visioncli.inputs.sources import Expansion
from visioncli.inputs.within import content_of, lies_within

GREYS = (10, 90, 170, 250)
ALL = Paging.parse("all", 150, 179_000_000)


def made(path: Path, sizes: tuple[int, ...] = (30, 30, 30, 30)) -> str:
    images = [Image.new("RGB", (size, 20), (grey,) * 3) for size, grey in zip(sizes, GREYS, strict=False)]
    images[0].save(path, save_all=True, append_images=images[1:])
    return str(path)


def inputs(*paths: str, paging: Paging | None = ALL) -> list[Item]:
    """Each with what it holds in `greys`, whether it is read while it comes by or later."""
    return list(Expansion(paging=paging).items(paths))


def grey(item: Item) -> int | str:
    assert isinstance(item, Held)
    try:
        source = item.opened() if item.opened else item.content()
        return round(float(pictures.read(source).rgb.mean()))
    except InputError as problem:
        return str(problem)


KINDS = ["a.tif", "a.gif", pytest.param("a.pdf", marks=pytest.mark.pdf)]


@pytest.mark.parametrize("kind", KINDS)
def test_each_page_is_an_input(tmp_path: Path, kind: str) -> None:
    path = made(tmp_path / kind)
    found = inputs(path)
    assert [i.path for i in found] == [f"{path}#page={n}" for n in (1, 2, 3, 4)]
    assert [i.relative for i in found] == [f"{kind}/page-{n:05d}" for n in (1, 2, 3, 4)]
    assert np.abs(np.subtract([grey(i) for i in found], GREYS)).max() <= 2
    assert len({i.stamp for i in found if isinstance(i, Held)}) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_pages_are_chosen_by_number(tmp_path: Path, kind: str) -> None:
    path = made(tmp_path / kind)
    for text, expected in (("2", [2]), ("1-2,4", [1, 2, 4]), ("3-", [3, 4]), (" 4 , 9 ", [4]), ("2-99", [2, 3, 4])):
        found = inputs(path, paging=Paging.parse(text, 150, 179_000_000))
        assert [i.path for i in found] == [f"{path}#page={n}" for n in expected]
    (none,) = inputs(path, paging=Paging.parse("7", 150, 179_000_000))
    assert (none.path, grey(none)) == (path, "It has none of the pages 7.")


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_can_be_named_and_read_again(tmp_path: Path, kind: str) -> None:
    path = made(tmp_path / kind)
    (item,) = inputs(f"{path}#page=3", paging=None)
    assert item.relative == f"{kind}/page-00003"
    assert abs(int(grey(item)) - GREYS[2]) <= 2
    assert lies_within(f"{path}#page=3") == path
    assert abs(pictures.read(f"{path}#page=3").rgb.mean() - GREYS[2]) <= 2
    with pytest.raises(InputError):
        content_of(f"{path}#page=9")
    (gone,) = inputs(f"{tmp_path}/gone.{kind}#page=1", paging=None)
    assert "There is no such file" in str(grey(gone))


def test_without_pages_a_file_is_itself_and_a_pdf_its_first_page(tmp_path: Path) -> None:
    for kind in ("a.tif", "a.gif"):
        (item,) = inputs(made(tmp_path / kind), paging=None)
        assert type(item) is Item
    (item,) = inputs(made(tmp_path / "a.pdf"), paging=None)
    assert (item.path, item.relative) == (str(tmp_path / "a.pdf"), "a.pdf")


def test_frames_of_a_gif_are_read_while_they_come_by(tmp_path: Path) -> None:
    path, found, last = made(tmp_path / "a.gif"), [], None
    for item in Expansion(paging=ALL).items([path]):
        assert isinstance(item, Held)
        if last is not None:
            Path(path).rename(tmp_path / "b.gif")  # which who reads anew would miss
            found.append(grey(last))
            (tmp_path / "b.gif").rename(path)
            last.done()
        item.ask()
        last = item
    assert np.abs(np.subtract(found, GREYS[:3])).max() <= 1


def test_frames_with_transparent_parts_are_those_that_a_viewer_shows(tmp_path: Path) -> None:
    first, second = Image.new("RGBA", (8, 8), "red"), Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    second.paste((0, 0, 255, 255), (0, 0, 4, 8))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second], disposal=1, duration=10)
    content = content_of(f"{tmp_path}/a.gif#page=2")
    assert content is not None
    rgb = pictures.read(content).rgb
    assert rgb[0, 0].tolist() == [0, 0, 255]
    assert rgb[0, 7].tolist() == [255, 0, 0]


@pytest.mark.parametrize("kind", ["a.tif", "a.gif"])
def test_damage_is_a_failure(tmp_path: Path, kind: str) -> None:
    (tmp_path / kind).write_bytes(b"hello")
    (item,) = inputs(str(tmp_path / kind))
    assert "is damaged" in str(grey(item))


def test_a_gif_with_too_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = made(tmp_path / "a.gif")
    (item,) = inputs(path, paging=Paging.parse("all", 150, 599))
    assert "30 x 20 = 600 pixels" in str(grey(item))


def test_impossible_pages_are_wrong_usage() -> None:
    for text in ("", "0", "x", "3-1", "1,,2", "-3", "1-2-3", "all,1"):
        with pytest.raises(UsageError, match="--pages"):
            Paging.parse(text, 150, 1)


def test_names_of_pages_are_those_of_files_that_have_some(tmp_path: Path) -> None:
    assert split_page("a.pdf#page=3") == ("a.pdf", 3)
    assert [split_page(t) for t in ("a.jpg#page=3", "a.pdf", "a.pdf#page=0", "a.pdf#page=x")] == [None] * 4
    (tmp_path / "a.tif#page=1").touch()
    assert split_page(f"{tmp_path}/a.tif#page=1") is None


def test_without_the_library_a_pdf_is_a_sentence_that_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    (item,) = inputs(made(tmp_path / "a.pdf"))
    assert "visioncli[pdf]" in str(grey(item))
