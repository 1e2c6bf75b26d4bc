from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinks.samples import BRUSH, CAT, failed, folder, outcome, record
from visioncli.errors import OutputError
from visioncli.files import write_whole
from visioncli.predictions import Detection
from visioncli.sinks.crops import CropsSink
from visioncli.sinks.folder import OutputFolder


def test_each_object_is_a_picture_of_the_pixels_that_its_box_touches(tmp_path: Path) -> None:
    out = folder(tmp_path, "a/cat.jpg")
    rgb = np.full((100, 120, 3), 30, np.uint8)
    rgb[20:90, 10:61] = (200, 100, 50)
    files = CropsSink().write(outcome(record("detect", "a/cat.jpg", CAT, BRUSH), rgb), out, "a/cat.jpg")
    place = tmp_path / "out" / "a" / "cat.jpg.crops"
    assert files == {"crops": str(place)}
    assert sorted(p.name for p in place.iterdir()) == ["00-cat.jpg", "01-toothbrush.jpg"]
    with Image.open(place / "00-cat.jpg") as image:
        assert image.size == (51, 70)
        assert np.abs(np.asarray(image).astype(int) - (200, 100, 50)).max() < 12
    with Image.open(place / "01-toothbrush.jpg") as image:
        assert image.size == (120, 100)


@pytest.mark.parametrize("box", [(119.9, 99.9, 120, 100), (5, 5, 5, 5), (0, 0, 0.1, 0.1), (120, 100, 120, 100)])
def test_the_smallest_crop_is_one_pixel(box: tuple[float, float, float, float], tmp_path: Path) -> None:
    out = folder(tmp_path, "cat.jpg")
    files = CropsSink().write(outcome(record("detect", "cat.jpg", Detection("cat", 17, 0.9, box))), out, "cat.jpg")
    with Image.open(Path(files["crops"]) / "00-cat.jpg") as image:
        assert image.size == (1, 1)


@pytest.mark.parametrize(
    ("box", "size"), [((-5, 90, 30, 130), (30, 10)), ((100, -9, 121.5, 4), (20, 4)), ((-9, -9, -2, -2), (1, 1))]
)
def test_a_crop_ends_at_the_border(
    box: tuple[float, float, float, float], size: tuple[int, int], tmp_path: Path
) -> None:
    out = folder(tmp_path, "cat.jpg")
    files = CropsSink().write(outcome(record("detect", "cat.jpg", Detection("cat", 17, 0.9, box))), out, "cat.jpg")
    with Image.open(Path(files["crops"]) / "00-cat.jpg") as image:
        assert image.size == size


def test_labels_become_file_names(tmp_path: Path) -> None:
    out = folder(tmp_path, "cat.jpg")
    found = [Detection(label, 1, 0.5, (0, 0, 9, 9)) for label in ("hot dog", "../etc/passwd", "größe 猫")]
    files = CropsSink().write(outcome(record("detect", "cat.jpg", *found)), out, "cat.jpg")
    names = sorted(p.name for p in Path(files["crops"]).iterdir())
    assert names == ["00-hot_dog.jpg", "01-_etc_passwd.jpg", "02-größe_猫.jpg"]


def test_crops_of_an_earlier_run_do_not_mix_with_new_ones(tmp_path: Path) -> None:
    out = folder(tmp_path, "cat.jpg")
    for found in ((CAT, BRUSH), (BRUSH,)):
        files = CropsSink().write(outcome(record("detect", "cat.jpg", *found)), out, "cat.jpg")
    assert [p.name for p in Path(files["crops"]).iterdir()] == ["00-toothbrush.jpg"]


def test_nothing_found_makes_no_folder(tmp_path: Path) -> None:
    out = folder(tmp_path, "cat.jpg")
    assert CropsSink().write(outcome(record("detect", "cat.jpg")), out, "cat.jpg") == {}
    assert CropsSink().write(outcome(failed("detect", "cat.jpg")), out, "cat.jpg") == {}
    assert not list(out.path.glob("*.crops"))


def test_only_crops_of_an_earlier_run_go(tmp_path: Path) -> None:
    out = folder(tmp_path, "cat.jpg", "cat.jpg.crops/dog.png")
    CropsSink().write(outcome(record("detect", "cat.jpg", CAT, BRUSH)), out, "cat.jpg")
    place = out.path / "cat.jpg.crops"
    (place / "07-mine.jpg").write_bytes(b"mine")
    (place / "notes.txt").write_bytes(b"mine")
    # The mirrored results of an input in a folder of that name.
    CropsSink().write(outcome(record("detect", "cat.jpg.crops/dog.png", CAT)), out, "cat.jpg.crops/dog.png")
    write_whole(out.file("cat.jpg.crops/00-dog.png.detect.jpg"), b"another input's", out.partial)
    CropsSink().write(outcome(record("detect", "cat.jpg", BRUSH)), out, "cat.jpg")
    assert sorted(str(p.relative_to(place)) for p in place.rglob("*.*") if p.is_file()) == [
        "00-dog.png.detect.jpg",
        "00-toothbrush.jpg",
        "07-mine.jpg",
        "dog.png.crops/00-cat.jpg",
        "notes.txt",
    ]


def test_crops_go_where_nothing_is_found_any_more(tmp_path: Path) -> None:
    out = folder(tmp_path, "cat.jpg")
    for found in ((CAT,), ()):
        CropsSink().write(outcome(record("detect", "cat.jpg", *found)), out, "cat.jpg")
    assert not (out.path / "cat.jpg.crops").exists()


def test_a_link_in_the_place_of_the_crops_is_refused_and_keeps_its_files(tmp_path: Path) -> None:
    out = folder(tmp_path, "cat.jpg")
    CropsSink().write(outcome(record("detect", "cat.jpg", CAT)), out, "cat.jpg")
    (out.path / "cat.jpg.crops").rename(tmp_path / "far")
    (out.path / "cat.jpg.crops").symlink_to(tmp_path / "far")
    again = folder_again(out)
    with pytest.raises(OutputError, match=r"cat\.jpg\.crops: it is a link"):
        CropsSink().write(outcome(record("detect", "cat.jpg", BRUSH)), again, "cat.jpg")
    assert [p.name for p in (tmp_path / "far").iterdir()] == ["00-cat.jpg"]


def folder_again(out: OutputFolder) -> OutputFolder:
    out.close()
    return OutputFolder(out.path)


def test_a_long_label_makes_a_name_that_fits(tmp_path: Path) -> None:
    out = folder(tmp_path, "cat.jpg")
    found = Detection("猫" * 300, 1, 0.5, (0, 0, 9, 9))
    files = CropsSink().write(outcome(record("detect", "cat.jpg", found)), out, "cat.jpg")
    assert len(list(Path(files["crops"]).iterdir())) == 1
