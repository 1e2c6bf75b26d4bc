import numpy as np
import pytest
from PIL import Image

from visioncli.evaluation.stress import KINDS, SIDE, STRESSES, worse


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    """A smooth picture with an edge, so that every way of making it worse shows."""
    y, x = np.mgrid[:300, :400].astype(np.float32)
    grey = 90 + 60 * np.sin(x / 9) + 40 * (y > 150)
    return Image.fromarray(np.stack([grey, grey * 0.8 + 20, 255 - grey], axis=2).clip(0, 255).astype(np.uint8))


def distance(one: Image.Image, other: Image.Image) -> float:
    a, b = (np.asarray(image.resize((100, 75)), np.float64) for image in (one, other))
    return float(np.abs(a - b).mean())


def test_each_kind_does_harm_and_its_second_level_more(photo: Image.Image) -> None:
    made = worse(photo)
    for n in range(0, len(STRESSES), 2):
        assert 0 < distance(photo, made[n]) < distance(photo, made[n + 1]), STRESSES[n].kind


def test_chance_comes_of_the_pixels_and_the_seed_alone(photo: Image.Image) -> None:
    first, again, other = worse(photo), worse(photo.copy()), worse(photo, seed=1)
    for n, stress in enumerate(STRESSES):
        assert first[n].tobytes() == again[n].tobytes()
        assert (first[n].tobytes() != other[n].tobytes()) == (stress.kind == "noise")
    noise = [s for s in STRESSES if s.kind == "noise"]
    assert worse(photo, noise[1:])[0].tobytes() == first[STRESSES.index(noise[1])].tobytes()


def test_a_larger_copy_suffers_alike(photo: Image.Image) -> None:
    large = photo.resize((1600, 1200), Image.Resampling.BICUBIC)
    for n, (one, other) in enumerate(zip(worse(photo), worse(large), strict=True)):
        assert min(other.size) <= SIDE
        kind = STRESSES[n].kind
        if kind not in ("noise", "jpeg"):
            assert distance(one, other) < 3, kind
    spreads = []
    for image in (photo, large):
        clean = worse(image, [s for s in STRESSES if s.kind == "noise"])
        reduced = image if min(image.size) <= SIDE else image.resize((597, 448))
        spreads.append(
            np.std(np.asarray(clean[0], np.float64) - np.asarray(reduced.resize(clean[0].size), np.float64))
        )
    assert spreads[0] == pytest.approx(spreads[1], rel=0.1)


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (3, 2), (32, 32)])
def test_any_size_can_be_made_worse(size: tuple[int, int]) -> None:
    made = worse(Image.new("RGB", size, (200, 10, 90)))
    assert all(image.mode == "RGB" and min(image.size) >= 1 for image in made)
    assert {s.kind for s in STRESSES} == set(KINDS)
