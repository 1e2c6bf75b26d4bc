import pytest

from visioncli.errors import UsageError
from visioncli.models.tta import DEFAULT_POSE_TTA, PoseTta, SegmentTta, Tta, is_mirrored, known_tta


def test_only_flip_shows_the_mirror_image_of_the_whole_picture() -> None:
    assert [is_mirrored("detect", word) for word in Tta] == [False, True]
    assert [is_mirrored("segment", word) for word in SegmentTta] == [False, True, False]
    assert [is_mirrored("pose", word) for word in PoseTta] == [False, False, True]


@pytest.mark.parametrize("task", ["classify", "detect", "segment", "caption"])
def test_crops_are_mirrored_by_pose_alone(task: str) -> None:
    known = "none, flip, turns" if task == "segment" else "none, flip"
    with pytest.raises(UsageError, match=f"--tta is one of {known}, not 'crops'"):
        is_mirrored(task, "crops")


def test_only_masks_are_made_of_all_eight_views() -> None:
    assert known_tta("segment", "turns") == SegmentTta.TURNS
    with pytest.raises(UsageError, match="--tta is one of none, flip, not 'turns'"):
        known_tta("detect", "turns")


def test_the_default_of_pose_is_one_of_its_words() -> None:
    is_mirrored("pose", DEFAULT_POSE_TTA)
