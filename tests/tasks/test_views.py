import pytest

from visioncli.engines.interface import EngineOptions
from visioncli.errors import UsageError
from visioncli.models.registry import find
from visioncli.models.tta import Tta
from visioncli.tasks.views import chosen_tta, told

SSD, OTHER = find("ssd_mobilenet_v2"), find("fasterrcnn_resnet50_fpn")


def test_what_the_user_says_holds_on_every_processor() -> None:
    assert chosen_tta("detect", "flip", [OTHER], None) == Tta.FLIP
    assert chosen_tta("detect", "none", [SSD], None) == Tta.NONE


def test_what_the_user_says_holds_in_int8_too(int8_units: None) -> None:
    assert chosen_tta("detect", "none", [SSD], None) == Tta.NONE


def test_a_word_that_the_task_lacks_is_refused() -> None:
    with pytest.raises(UsageError, match="--tta is one of none, flip, not 'crops'"):
        chosen_tta("detect", "crops", [SSD], None)


def test_without_units_for_int8_nothing_is_mirrored_unasked() -> None:
    assert chosen_tta("detect", None, [SSD], None) == Tta.NONE


@pytest.mark.parametrize(
    ("rows", "options", "chosen"),
    [
        ([SSD], None, Tta.FLIP),
        ([SSD, OTHER], None, Tta.NONE),
        ([SSD], EngineOptions(precision="fp32"), Tta.NONE),
        ([SSD], EngineOptions(precision="int8"), Tta.NONE),
        ([SSD], EngineOptions(engine="torch"), Tta.NONE),
    ],
)
def test_the_mirror_image_is_looked_at_where_auto_makes_all_networks_int8(
    rows: list, options: EngineOptions | None, chosen: Tta, int8_units: None
) -> None:
    assert chosen_tta("detect", None, rows, options) == chosen


@pytest.mark.parametrize(("tta", "said"), [("flip", {"tta": "flip"}), ("turns", {"tta": "turns"}), ("none", {})])
def test_records_say_which_views_were_looked_at_beside_the_picture(tta: str, said: dict[str, str]) -> None:
    assert told({"tta": tta, "score": 0.4}) == said


def test_records_say_nothing_of_views_where_a_task_has_none() -> None:
    assert told({}) == told({"tta": "crops"}) == {}
