"""Groups of the same picture: which belong together, and which one is kept."""

import hashlib

import numpy as np
from PIL import Image

from photographs import photograph
from visioncli.alike.groups import groups
from visioncli.alike.sight import Sight
from visioncli.alike.thumbnails import thumbnail


def sight(name: str, image: Image.Image, size: int = 1000, features: np.ndarray | None = None) -> Sight:
    content = hashlib.sha256(image.tobytes() + str(size).encode()).hexdigest()
    own = np.zeros(0, np.float16) if features is None else features.astype(np.float16)
    return Sight(name, content, size, 0, *image.size, thumbnail(image), own)


def kinds(sights: list[Sight], *, mirrored: bool = False) -> list[tuple[str, dict[str, str]]]:
    return [
        (sights[g.kept].path, {sights[p].path: likeness.kind for p, likeness in g.others.items()})
        for g in groups(sights, mirrored=mirrored)
    ]


def test_equal_reencoded_and_resized_pictures_are_told_apart() -> None:
    image = photograph(1)
    sights = [
        sight("a", image, 900),
        sight("stranger", photograph(2)),
        sight("b", image, 900),
        sight("c", image, 400),
        sight("d", image.resize((160, 120), Image.Resampling.LANCZOS), 5000),
    ]
    assert kinds(sights) == [("a", {"b": "equal", "c": "reencoded", "d": "resized"})]


def test_the_largest_is_kept_then_the_least_compressed_then_the_first() -> None:
    image = photograph(1)
    large = image.resize((640, 480), Image.Resampling.LANCZOS)
    (group,) = groups([sight("a", image, 9000), sight("b", large, 100)])
    assert (group.kept, group.why) == (1, "the largest: 640 x 480 pixels")
    (group,) = groups([sight("a", image, 100), sight("b", image, 1200)])
    assert (group.kept, group.why) == (1, "the least compressed: 1,200 bytes")
    (group,) = groups([sight("a", image), sight("b", image)])
    assert (group.kept, group.why) == (0, "the first of equal ones")


def test_cut_pictures_are_found_by_their_features_and_not_without() -> None:
    image = photograph(3)
    cut = image.crop((30, 24, 290, 216))
    rng = np.random.default_rng(0)
    features = rng.normal(size=64)
    near = [sight("a", image, features=features), sight("b", cut, features=features + rng.normal(0, 0.2, 64))]
    assert kinds(near) == [("a", {"b": "altered"})]
    far = [sight("a", image, features=features), sight("b", cut, features=rng.normal(size=64))]
    assert kinds(far) == []


def test_alike_features_alone_make_no_duplicates() -> None:
    features = np.random.default_rng(0).normal(size=64)
    assert kinds([sight(str(n), photograph(n), features=features) for n in range(5)]) == []


def test_mirror_images_are_duplicates_on_demand_only() -> None:
    image = photograph(4)
    sights = [sight("a", image), sight("b", image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))]
    assert kinds(sights) == []
    assert kinds(sights, mirrored=True) == [("a", {"b": "mirrored"})]


def test_every_duplicate_of_a_chain_is_like_the_kept_one_itself() -> None:
    wide = photograph(5, (640, 240))
    features = np.random.default_rng(0).normal(size=64)
    # A camera that pans: each frame overlaps with the next one by 88 %, the first and the last by half.
    frames = [sight(str(n), wide.crop((n * 36, 0, n * 36 + 320, 240)), 1000 - n, features) for n in range(6)]
    found = kinds(frames)
    assert found[0][0] == "0"
    members = [name for kept, others in found for name in (kept, *others)]
    assert len(members) == len(set(members))
    for kept, others in found:
        assert all(abs(int(kept) - int(other)) <= 3 for other in others)
    assert len(found) > 1


def test_nothing_is_in_no_group() -> None:
    assert groups([]) == []
    assert groups([sight("a", photograph(1))]) == []
