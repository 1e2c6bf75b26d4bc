from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin

from visioncli.errors import OutputError
from visioncli.pictures.georeference import Georeference, _composed, georeference
from visioncli.pictures.orientation import to_stored

SIZE = (40, 30)
UTM33 = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633)
LON_LAT = (1, 1, 0, 2, 1024, 0, 1, 2, 2048, 0, 1, 4326)


def geotiff(path: Path, keys: tuple[int, ...] = UTM33, **tags: tuple[float, ...]) -> Path:
    """A GeoTIFF by Pillow: tags `scale`, `ties` and `matrix` where they are given."""
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for name, tag in (("scale", 33550), ("ties", 33922), ("matrix", 34264)):
        if name in tags:
            info.tagtype[tag] = 12
            info[tag] = tags[name]
    info.tagtype[34735] = 3
    info[34735] = keys
    Image.new("RGB", SIZE).save(path, tiffinfo=info)
    return path


def placed(path: Path, *points: tuple[float, float]) -> list[tuple[float, float]]:
    found = georeference(str(path), *SIZE)
    assert found is not None
    return [tuple(p) for p in found.apply(np.array(points, float)).tolist()]


def test_scale_and_tie_point_place_the_upper_left_corner(tmp_path: Path) -> None:
    path = geotiff(tmp_path / "a.tif", scale=(0.5, 0.25, 0), ties=(0, 0, 0, 500000, 4600000, 0))
    assert placed(path, (0, 0), (40, 30), (1, 0)) == [(500000, 4600000), (500020, 4599992.5), (500000.5, 4600000)]
    found = georeference(str(path), *SIZE)
    assert found is not None and (found.epsg, found.geographic, found.pixel_area) == (32633, False, 0.125)


def test_the_tie_point_may_be_any_pixel(tmp_path: Path) -> None:
    path = geotiff(tmp_path / "a.tif", scale=(2, 2, 0), ties=(10, 5, 0, 100, 200, 0))
    assert placed(path, (10, 5), (0, 0)) == [(100, 200), (80, 210)]


def test_a_matrix_may_turn_the_picture(tmp_path: Path) -> None:
    path = geotiff(tmp_path / "a.tif", matrix=(0, 2, 0, 10, 3, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 1))
    assert placed(path, (0, 0), (1, 0), (0, 1)) == [(10, 20), (10, 23), (12, 20)]


def test_where_numbers_place_points_they_are_the_middles_of_pixels(tmp_path: Path) -> None:
    keys = tuple(2 if n == 11 else key for n, key in enumerate(UTM33))
    path = geotiff(tmp_path / "a.tif", keys, scale=(2, 2, 0), ties=(0, 0, 0, 100, 200, 0))
    assert placed(path, (0.5, 0.5), (0, 0)) == [(100, 200), (99, 201)]


def test_longitude_and_latitude_are_geographic(tmp_path: Path) -> None:
    path = geotiff(tmp_path / "a.tif", LON_LAT, scale=(1e-5, 1e-5, 0), ties=(0, 0, 0, 13.4, 52.5, 0))
    found = georeference(str(path), *SIZE)
    assert found is not None and (found.epsg, found.geographic) == (4326, True)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"scale": (1, 1, 0)},
        {"ties": (0, 0, 0, 1, 2, 0)},
        {"scale": (0, 1, 0), "ties": (0, 0, 0, 1, 2, 0)},
        {"scale": (float("nan"), 1, 0), "ties": (0, 0, 0, 1, 2, 0)},
        {"ties": (0, 0, 0, 1, 2, 0, 9, 0, 0, 5, 2, 0, 0, 9, 0, 1, 7, 0)},
        {"matrix": (1, 2, 3)},
    ],
)
def test_tags_that_span_no_area_are_none(tags: dict[str, tuple[float, ...]], tmp_path: Path) -> None:
    assert georeference(str(geotiff(tmp_path / "a.tif", **tags)), *SIZE) is None


@pytest.mark.parametrize(
    ("picture", "world"),
    [
        ("a.jpg", "a.jgw"),
        ("a.jpg", "a.jpgw"),
        ("a.JPG", "a.JGW"),
        ("a.jpeg", "a.jgw"),
        ("a.png", "a.pgw"),
        ("a.png", "a.wld"),
        ("a.tif", "a.tfw"),
        ("a.tiff", "a.tfw"),
    ],
)
def test_a_world_file_places_the_middle_of_the_first_pixel(picture: str, world: str, tmp_path: Path) -> None:
    Image.new("RGB", SIZE).save(tmp_path / picture)
    (tmp_path / world).write_text("2.0\n0.0\n0.0\n-2.0\n101.0\n199.0\n")
    assert placed(tmp_path / picture, (0.5, 0.5), (0, 0), (40, 30)) == [(101, 199), (100, 200), (180, 140)]


def test_rotation_terms_stand_in_the_order_of_esri(tmp_path: Path) -> None:
    Image.new("RGB", SIZE).save(tmp_path / "a.png")
    (tmp_path / "a.pgw").write_text("1\n2\n3\n4\n0\n0\n")
    ((x, y), (x1, y1), (x2, y2)) = placed(tmp_path / "a.png", (0, 0), (1, 0), (0, 1))
    assert (x1 - x, y1 - y, x2 - x, y2 - y) == (1, 2, 3, 4)


def test_a_projection_file_names_the_reference_system(tmp_path: Path) -> None:
    Image.new("RGB", SIZE).save(tmp_path / "a.png")
    (tmp_path / "a.pgw").write_text("1\n0\n0\n-1\n0\n0\n")
    (tmp_path / "a.prj").write_text('PROJCS["x",GEOGCS["WGS 84",AUTHORITY["EPSG","4326"]],AUTHORITY["EPSG","25833"]]')
    found = georeference(str(tmp_path / "a.png"), *SIZE)
    assert found is not None and (found.epsg, found.geographic) == (25833, False)
    (tmp_path / "a.prj").write_text('PROJCS["x",GEOGCS["WGS 84",AUTHORITY["EPSG","4326"]],UNIT["metre",1]]')
    found = georeference(str(tmp_path / "a.png"), *SIZE)
    assert found is not None and found.epsg is None


@pytest.mark.parametrize(
    "text", ["", "1\n2\n", "one\n0\n0\n-1\n0\n0", "0\n0\n0\n0\n1\n1", "nan\n0\n0\n1\n0\n0", "\0" * 9]
)
def test_a_world_file_that_is_none_is_told_of(text: str, tmp_path: Path) -> None:
    Image.new("RGB", SIZE).save(tmp_path / "a.png")
    (tmp_path / "a.pgw").write_text(text)
    with pytest.raises(OutputError, match=r"a\.pgw .* six numbers"):
        georeference(str(tmp_path / "a.png"), *SIZE)


def test_tags_go_before_a_world_file(tmp_path: Path) -> None:
    path = geotiff(tmp_path / "a.tif", scale=(1, 1, 0), ties=(0, 0, 0, 7, 8, 0))
    (tmp_path / "a.tfw").write_text("1\n0\n0\n-1\n0\n0\n")
    assert placed(path, (0, 0)) == [(7, 8)]


def test_pictures_without_a_place_addresses_and_missing_files_have_none(tmp_path: Path) -> None:
    Image.new("RGB", SIZE).save(tmp_path / "a.png")
    for path in (str(tmp_path / "a.png"), "https://example.org/a.tif", str(tmp_path / "none.tif")):
        assert georeference(path, *SIZE) is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_of_the_upright_picture_find_those_that_are_stored(orientation: int) -> None:
    stored = np.arange(12, dtype=np.uint8).reshape(3, 4)
    image = Image.fromarray(stored)
    image.getexif()[ExifTags.Base.Orientation] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image))
    height, width = upright.shape
    found = Georeference(to_stored(orientation, width, height))
    for y in range(height):
        for x in range(width):
            u, v = np.floor(found.apply(np.array([[x + 0.5, y + 0.5]]))[0]).astype(int)
            assert stored[v, u] == upright[y, x]


@pytest.mark.parametrize("kind", ["jpg", "tif", "png"])
def test_a_turned_picture_lies_where_its_stored_one_does(kind: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    path = tmp_path / f"a.{kind}"
    Image.new("RGB", SIZE).save(path, exif=exif)
    (tmp_path / "a.wld").write_text("1\n0\n0\n-1\n0.5\n-0.5\n")
    found = georeference(str(path), SIZE[1], SIZE[0])
    assert found is not None
    # The upright picture's upper right corner is the stored one's upper left.
    assert found.apply(np.array([[30.0, 0.0], [0.0, 0.0], [0.0, 40.0]])).tolist() == [[0, 0], [0, -30], [40, -30]]


NUMBERS = st.tuples(*[st.floats(-100, 100)] * 6)


@given(NUMBERS, NUMBERS)
def test_composed_maps_are_one_after_the_other(outer: tuple[float, ...], inner: tuple[float, ...]) -> None:
    points = np.array([[0.0, 0.0], [3.0, 1.0], [-2.0, 5.0]])
    one_by_one = Georeference(outer).apply(Georeference(inner).apply(points))
    np.testing.assert_allclose(Georeference(_composed(outer, inner)).apply(points), one_by_one, atol=1e-6)
