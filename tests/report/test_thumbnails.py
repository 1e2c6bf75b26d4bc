import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import made_runs
import small_sets
from visioncli.inputs.sources import Item
from visioncli.labelled.recognise import read_set
from visioncli.report.outputs import read_outputs, together
from visioncli.report.thumbnails import FULL_SIDE, SIDE, Small, Wanted, copies, file_of, size_of, wanted


def one(path: Path, *, full: bool = False) -> Small:
    ((_, found),) = copies([Wanted("x", str(path))], lambda name: False, full=full, workers=1, max_pixels=10**8)
    return found


def opened(data: bytes | None) -> Image.Image:
    assert data is not None
    return Image.open(io.BytesIO(data))


def places(folder: Path, images: Path | None = None) -> list[str | None]:
    outputs = read_outputs([str(folder)])
    return [found.path for found in wanted(together(outputs), outputs, {}, images)]


def test_a_thumbnail_has_a_longer_side_of_192_pixels(tmp_path: Path) -> None:
    found = one(made_runs.draw(tmp_path / "a.png", size=(1500, 1000)), full=True)
    assert opened(found.thumb).size == (SIDE, 128)
    assert opened(found.thumb).format == "WEBP"
    assert opened(found.full).size == (FULL_SIDE, 683)
    assert found.size == (1500, 1000)
    assert found.thumb is not None
    assert len(found.thumb) < 8192


def test_a_small_picture_is_not_enlarged(tmp_path: Path) -> None:
    assert opened(one(made_runs.draw(tmp_path / "a.png", size=(32, 20))).thumb).size == (32, 20)


def test_pictures_stand_upright_and_transparency_is_white(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20), "red").save(tmp_path / "turned.jpg", exif=exif)
    assert opened(one(tmp_path / "turned.jpg").thumb).size == (20, 40)
    Image.new("RGBA", (40, 20), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert np.asarray(opened(one(tmp_path / "clear.png").thumb).convert("L")).min() > 250


@pytest.mark.parametrize(
    ("data", "words"), [(b"", "empty"), (b"hello, I am no picture", "text"), (b"\x89PNG\r\n\x1a\nxx", "")]
)
def test_what_cannot_be_decoded_is_a_sentence(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "a.png").write_bytes(data)
    found = one(tmp_path / "a.png")
    assert found.thumb is None
    assert found.problem is not None
    assert words in found.problem


def test_what_is_no_longer_there_is_a_sentence() -> None:
    ((_, found),) = copies([Wanted("gone.jpg", None)], lambda name: False, full=False, workers=1, max_pixels=10**8)
    assert found.problem == "The picture is no longer where it was. --images DIR says where it is now."
    ((_, found),) = copies([Wanted("https://x/a.jpg", None)], lambda name: False, full=False, workers=1, max_pixels=9)
    assert "opens no connection" in (found.problem or "")


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    it = Wanted("x", str(made_runs.draw(tmp_path / "a.png")))
    ((_, found),) = copies([it], lambda name: name == file_of("thumbs", it.key), full=False, workers=1, max_pixels=9)
    assert found == Small()


def test_a_picture_that_changed_has_another_key(tmp_path: Path) -> None:
    it = Wanted("x", str(made_runs.draw(tmp_path / "a.png")))
    before = it.key
    made_runs.draw(tmp_path / "a.png", seed=1, size=(90, 90))
    assert it.key != before


def test_pictures_are_looked_for_where_they_were_beside_the_results_and_where_they_are_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made_runs.draw(tmp_path / "p" / "a.png")
    folder = made_runs.classified(tmp_path / "out", {"p/a.png": []})
    assert places(folder) == ["p/a.png"]
    monkeypatch.chdir("/")
    assert places(folder) == [f"{tmp_path}/p/a.png"]
    made_runs.draw(tmp_path / "moved" / "a.png")
    assert places(folder, tmp_path / "moved") == [f"{tmp_path}/moved/a.png"]


def test_pictures_inside_of_an_archive_are_shown(tmp_path: Path) -> None:
    small_sets.place(tmp_path / "set", ["cat/1.png", "dog/2.png"])
    archive = small_sets.zipped(tmp_path / "set", tmp_path / "set.zip")
    example = read_set(str(archive)).examples[0]
    assert isinstance(example, Item)
    it = Wanted(example.path, None, example)
    ((_, found),) = copies([it], lambda name: False, full=False, workers=1, max_pixels=10**8)
    assert opened(found.thumb).size == (8, 6)


def test_copies_come_in_the_order_of_the_pictures(tmp_path: Path) -> None:
    every = [Wanted(str(n), str(made_runs.draw(tmp_path / f"{n}.png", n, (300 - 20 * n, 100)))) for n in range(12)]
    found = list(copies(every, lambda name: False, full=False, workers=3, max_pixels=10**8))
    assert [item.name for item, _ in found] == [item.name for item in every]
    assert [small.size for _, small in found] == [(300 - 20 * n, 100) for n in range(12)]


def test_the_size_of_a_picture_without_a_record_is_that_of_the_upright_one(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    Image.new("RGB", (40, 30)).save(tmp_path / "turned.jpg", exif=exif)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    sizes = [
        size_of(Wanted("x", path), 10**6)
        for path in (str(tmp_path / "turned.jpg"), str(tmp_path / "broken.jpg"), None)
    ]
    assert sizes == [(30, 40), (0, 0), (0, 0)]
