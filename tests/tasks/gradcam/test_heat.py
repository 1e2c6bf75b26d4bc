import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visioncli.tasks.gradcam.heat import FULL, hotspot, on_picture, packed, unpacked


def spot(h: int, w: int, row: int, column: int) -> np.ndarray:
    heat = np.zeros((h, w), np.float32)
    heat[row, column] = 1
    return heat


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 200), st.integers(1, 200), st.data())
def test_the_peak_lies_in_its_own_cell(h: int, w: int, height: int, width: int, data: st.DataObject) -> None:
    row, column = data.draw(st.integers(0, h - 1)), data.draw(st.integers(0, w - 1))
    full = on_picture(spot(h, w, row, column), (0, 0, width, height), width, height)
    assert full.shape == (height, width) and full.dtype == np.uint16
    if full.max() < FULL // 2:
        return  # fewer pixels than cells: this one has none of its own
    x, y = hotspot(full).peak
    assert abs(x / width * w - column - 0.5) <= 0.5 + w / width
    assert abs(y / height * h - row - 0.5) <= 0.5 + h / height


def test_what_the_network_did_not_see_is_zero() -> None:
    full = on_picture(np.ones((7, 7), np.float32), (50, 0, 150, 100), 200, 100)
    assert (full[:, 50:150] == FULL).all()
    assert not full[:, :50].any() and not full[:, 150:].any()


def test_a_flat_map_stays_flat_and_a_ramp_rises() -> None:
    assert (on_picture(np.full((3, 5), 0.5, np.float32), (0, 0, 90, 60), 90, 60) == round(0.5 * FULL)).all()
    ramp = on_picture(np.linspace(0, 1, 8, dtype=np.float32)[None].repeat(4, 0), (0, 0, 160, 80), 160, 80)
    assert (np.diff(ramp[40].astype(int)) >= 0).all()


def test_rows_made_in_blocks_equal_those_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    heat = np.random.default_rng(0).random((7, 7), np.float32)
    at_once = on_picture(heat, (10.5, 3.2, 180, 90), 200, 100)
    monkeypatch.setattr("visioncli.tasks.gradcam.heat._BLOCK", 700)
    np.testing.assert_array_equal(on_picture(heat, (10.5, 3.2, 180, 90), 200, 100), at_once)


def test_a_packed_map_is_unpacked_at_the_pictures_size() -> None:
    heat = np.random.default_rng(0).random((7, 7)).astype(np.float32)
    arrays = packed(0, heat * 0, (0, 0, 1, 1)) | packed(1, heat, (5, 0, 95, 60))
    np.testing.assert_array_equal(unpacked(arrays, 1, 100, 60), on_picture(heat, (5, 0, 95, 60), 100, 60))


def test_a_hotspot_is_peak_box_and_share_of_the_energy() -> None:
    full = np.zeros((100, 200), np.uint16)
    full[20:40, 30:60] = 50_000
    full[28:33, 40:50] = 60_000
    full[80:90, 150:160] = 40_000  # above half the maximum too, but not connected
    found = hotspot(full)
    assert found.box == (30, 20, 60, 40)
    assert 40 <= found.peak[0] <= 50 and 28 <= found.peak[1] <= 33
    assert found.energy == pytest.approx(full[20:40, 30:60].sum() / full.sum(dtype=float), abs=1e-6)


def test_a_map_of_zeros_has_the_middle_the_whole_picture_and_no_energy() -> None:
    found = hotspot(np.zeros((10, 20), np.uint16))
    assert (found.peak, found.box, found.energy) == ((10, 5), (0, 0, 20, 10), 0)


@given(st.integers(1, 1500), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_a_hotspots_box_holds_its_peak_and_lies_in_the_picture(width: int, height: int, seed: int) -> None:
    heat = np.random.default_rng(seed).random((4, 4)).astype(np.float32)
    found = hotspot(on_picture(heat / heat.max(), (0, 0, width, height), width, height))
    x1, y1, x2, y2 = found.box
    assert 0 <= x1 <= found.peak[0] <= x2 <= width
    assert 0 <= y1 <= found.peak[1] <= y2 <= height
    assert 0 < found.energy <= 1
