import numpy as np
import pytest
from PIL import Image

from visioncli.datasets.interface import DatasetError
from visioncli.datasets.label_maps import pair, read_map, read_pairs


def save(path, values, mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.array(values, np.uint8))
    if mode == "P":
        picture = picture.copy()
        picture.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
    picture.save(path)


def test_palette_grey_and_sixteen_bits_give_the_same_numbers(tmp_path):
    save(tmp_path / "p.png", [[0, 1, 2]], "P")
    save(tmp_path / "l.png", [[0, 1, 2]])
    Image.fromarray(np.array([[0, 1, 2]], np.uint16)).save(tmp_path / "i.png")
    for name in ("p", "l", "i"):
        assert read_map(tmp_path / f"{name}.png").tolist() == [[0, 1, 2]]


def test_colour_pictures_and_damaged_ones_are_refused(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png")
    with pytest.raises(DatasetError, match="this is RGB"):
        read_map(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"\x89PNG")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_map(tmp_path / "b.png")


def test_our_mask_names_match_the_names_of_the_truth(tmp_path):
    for name in ("t/x/a.png", "t/b.png", "p/x/a.jpg.mask.png", "p/b_mask.png"):
        save(tmp_path / name, [[1]])
    pairs, warnings = pair(tmp_path / "t", tmp_path / "p")
    assert [(p.name, p.predicted.name) for p in pairs] == [("b", "b_mask.png"), ("x/a", "a.jpg.mask.png")]
    assert not warnings


def test_missing_and_unknown_maps_are_named(tmp_path):
    save(tmp_path / "t/a.png", [[1]])
    save(tmp_path / "p/b.png", [[1]])
    with pytest.raises(DatasetError, match=r"no label map for b\.png"):
        pair(tmp_path / "t", tmp_path / "p")
    with pytest.raises(DatasetError, match=r"1 label maps of .* missing here: a"):
        pair(tmp_path / "t", tmp_path / "p", skip_unknown=True)
    with pytest.raises(DatasetError, match="two label maps or two folders"):
        pair(tmp_path / "t", tmp_path / "p/b.png")


def test_maps_of_different_sizes_are_refused(tmp_path):
    save(tmp_path / "t.png", [[1, 2]])
    save(tmp_path / "p.png", [[1], [2]])
    pairs, _ = pair(tmp_path / "t.png", tmp_path / "p.png")
    with pytest.raises(DatasetError, match=r"is 1 x 2 pixels, but the truth .* is 2 x 1"):
        list(read_pairs(pairs))
