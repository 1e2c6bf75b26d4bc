"""`vision segment --format geojson`: what a run writes for maps."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import shapely
from PIL import Image, TiffImagePlugin

from conftest import ROOT, Ended
from visioncli.predictions import Rle

Vision = Callable[..., Ended]
SEGMENT = ("segment", "--size", "129")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two people: one as a GeoTIFF with pixels of half a metre, one beside a world file."""
    folder = tmp_path / "photos"
    folder.mkdir()
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, kind, value in (
        (33550, 12, (0.5, 0.5, 0.0)),
        (33922, 12, (0.0, 0.0, 0.0, 400000.0, 5800000.0, 0.0)),
        (34735, 3, (1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 32633)),
    ):
        info.tagtype[tag] = kind
        info[tag] = value
    for name, more in (("astronaut.png", {"tiffinfo": info}), ("grace_hopper.jpg", {})):
        with Image.open(ROOT / "sample_images" / name) as image:
            small = image.convert("RGB")
            small.thumbnail((200, 200))
            small.save(folder / (Path(name).stem + (".tif" if more else ".jpg")), **more)
    (folder / "grace_hopper.jgw").write_text("0.5\n0\n0\n-0.5\n400100.25\n5799999.75\n")
    (folder / "grace_hopper.prj").write_text('PROJCS["UTM 33N",AUTHORITY["EPSG","32633"]]')
    return folder


def test_georeferenced_pictures_become_one_layer_and_a_file_each(
    vision: Vision, photos: Path, tmp_path: Path
) -> None:
    ended = vision(*SEGMENT, "photos", "-o", "out", "-f", "geojson", "--centerline", "person")
    assert ended.status == 0, ended.err
    layer = json.loads((tmp_path / "out" / "predictions.geojson").read_text())
    assert layer["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::32633"
    parts = 0
    for record in ended.records:
        own = json.loads(Path(tmp_path / record["files"]["geojson"]).read_text())
        parts += len(own["features"])
        assert own["crs"] == layer["crs"]
        assert {"Polygon", "LineString"} == {f["geometry"]["type"] for f in own["features"]}
        x1, y1, x2, y2 = shapely.from_geojson(json.dumps(own)).bounds
        left = 400000 if record["input"].endswith("tif") else 400100
        assert left <= x1 < x2 <= left + record["width"] / 2 + 1e-6
        assert 5800000 - record["height"] / 2 - 1e-6 <= y1 < y2 <= 5800000
        areas = [f["properties"] for f in own["features"] if f["geometry"]["type"] == "Polygon"]
        assert sum(p["area"] for p in areas) == sum(s["area"] for s in record["predictions"])
        assert all(p["world_area"] == pytest.approx(p["area"] / 4) for p in areas)
    assert len(layer["features"]) == parts


@pytest.mark.parametrize("more", [(), ("--mode", "instance"), ("--mode", "foreground"), ("--tile", "96:16")])
def test_every_mode_gives_its_masks_back(more: tuple[str, ...], vision: Vision, photos: Path, tmp_path: Path) -> None:
    for beside in (*photos.glob("*.jgw"), *photos.glob("*.prj"), *photos.glob("*.tif")):
        beside.unlink()
    ended = vision(*SEGMENT, *more, "photos", "-o", "out", "-f", "geojson")
    (record,) = ended.records
    layer = json.loads((tmp_path / "out" / "predictions.geojson").read_text())
    assert (layer["crs"], layer["coordinates"]) == (None, "pixels")
    ys, xs = np.mgrid[: record["height"], : record["width"]] + 0.5
    assert record["predictions"]
    for segment in record["predictions"]:
        mask = Rle(tuple(segment["mask"]["size"]), segment["mask"]["counts"]).decode()
        drawn = np.zeros(mask.shape, bool)
        for f in layer["features"]:
            same = f["properties"].get("score") == segment.get("score")
            if f["properties"]["label"] == segment["label"] and same:
                drawn |= shapely.contains_xy(shapely.from_geojson(json.dumps(f["geometry"])), xs, ys)
        np.testing.assert_array_equal(drawn, mask)


def test_resuming_makes_the_same_layer_of_the_pictures_files(vision: Vision, photos: Path, tmp_path: Path) -> None:
    vision(*SEGMENT, "photos", "-o", "out", "-f", "geojson")
    first = (tmp_path / "out" / "predictions.geojson").read_bytes()
    again = vision(*SEGMENT, "photos", "-o", "out", "-f", "geojson", "--resume")
    assert "2 taken from an earlier run" in again.err
    assert (tmp_path / "out" / "predictions.geojson").read_bytes() == first
    other = vision(*SEGMENT, "photos", "-o", "out", "-f", "geojson", "--tolerance", "2", "--resume")
    assert "taken" not in other.err
    (tmp_path / "out" / "astronaut.tif.geojson").unlink()
    assert "1 taken" in vision(*SEGMENT, "photos", "-o", "out", "-f", "geojson", "--tolerance", "2", "--resume").err


def test_standard_output_takes_the_layer(vision: Vision, photos: Path, tmp_path: Path) -> None:
    ended = vision(*SEGMENT, "photos", "-o", "-", "-f", "geojson")
    vision(*SEGMENT, "photos", "-o", "out", "-f", "geojson")
    assert ended.out == (tmp_path / "out" / "predictions.geojson").read_bytes()


def test_a_broken_world_file_is_that_pictures_failure(vision: Vision, photos: Path) -> None:
    (photos / "grace_hopper.jgw").write_text("0.5\n")
    ended = vision(*SEGMENT, "photos", "-o", "out", "-f", "geojson")
    assert ended.status == 1
    good, bad = ended.records
    assert good["error"] is None
    assert bad["error"]["kind"] == "output_not_written" and "grace_hopper.jgw" in bad["error"]["message"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--centerline", "person"), "add --format geojson"),
        (("--tolerance", "1", "-f", "csv"), "add --format geojson"),
        (("-f", "geojson", "--tolerance", "-1"), "tolerance"),
        (("-f", "geojson", "--tolerance", "nan"), "tolerance"),
        (("-f", "geojson", "--centerline", "persn"), "Did you mean person"),
        (("-f", "geojson", "--centerline", " "), "--centerline is empty"),
    ],
)
def test_what_makes_no_map_is_wrong_usage(
    more: tuple[str, ...], words: str, vision: Vision, photos: Path, tmp_path: Path
) -> None:
    ended = vision(*SEGMENT, "photos", "-o", "out", *more)
    assert ended.status == 2
    assert words in ended.err
    assert not list((tmp_path / "out").glob("*.geojson"))


def test_without_the_extra_lines_are_refused_and_exact_polygons_are_made(
    vision: Vision, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("skimage", "skimage.morphology", "shapely"):
        monkeypatch.setitem(sys.modules, module, None)
    for more in (("--centerline", "person"), ("--tolerance", "1")):
        ended = vision(*SEGMENT, "photos", "-o", "out", "-f", "geojson", *more)
        assert ended.status == 4
        assert "pip install 'visioncli[lines]'" in ended.err
    assert vision(*SEGMENT, "photos", "-o", "out", "-f", "geojson").status == 0


def test_world_files_are_no_pictures_but_a_named_one_counts(vision: Vision, photos: Path) -> None:
    shutil.copy(photos / "grace_hopper.jgw", photos / "OTHER.WLD")
    assert len(vision(*SEGMENT, "photos", "-o", "out").records) == 2
    assert vision(*SEGMENT, photos / "OTHER.WLD", "-o", "out").status == 3
