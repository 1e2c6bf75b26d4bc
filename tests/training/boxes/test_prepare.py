import numpy as np
import pytest

from box_sets import draw_boxes
from visioncli.engines import EngineOptions
from visioncli.labelled.boxes import BoxSet, read_boxes
from visioncli.labelled.interface import TRAIN, VAL
from visioncli.models import registry
from visioncli.training.boxes import prepare as box_prepare
from visioncli.training.boxes.prepare import BoxPrepared, prepare_boxes
from visioncli.training.data.look import Look, Twins
from visioncli.training.one_run import reading
from visioncli.training.recipe import Recipe
from visioncli.training.watch import Watcher

ROW = registry.find("ssd_mobilenet_v2", "detect")


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> BoxSet:
    return read_boxes(str(draw_boxes(tmp_path_factory.mktemp("blocks") / "set", 20)))


def prepared(pictures: BoxSet, recipe: Recipe = Recipe()) -> BoxPrepared:  # noqa: B008 - frozen
    return prepare_boxes(pictures, ROW, recipe, EngineOptions(threads=1), reading(1), Watcher())


def test_sides_are_those_of_the_boxes_to_learn_from(blocks: BoxSet) -> None:
    found = prepared(blocks)
    learned = found.part(TRAIN)
    wanted = np.concatenate([blocks.objects[n].boxes for n in learned.tolist()])
    assert found.sides[:, 0] == pytest.approx((wanted[:, 3] - wanted[:, 1]) / 64)
    assert found.sides[:, 1] == pytest.approx((wanted[:, 2] - wanted[:, 0]) / 96)
    assert found.objects[:, learned].sum() == len(wanted)
    assert any(f"train {len(wanted)}" in sentence for sentence in found.remarks)


def test_another_split_or_another_box_is_another_set(blocks: BoxSet) -> None:
    first = prepared(blocks).digest
    assert first == prepared(blocks).digest
    assert first != prepared(blocks, Recipe(seed=1)).digest
    moved = blocks.objects[1].boxes
    moved[0, 0] += 1
    try:
        assert first != prepared(blocks).digest
    finally:
        moved[0, 0] -= 1


def test_pictures_that_nearly_equal_each_other_stay_on_one_side_while_enough_are_left(
    blocks: BoxSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = prepared(blocks).places
    val, train = (np.flatnonzero(places == part).tolist() for part in (VAL, TRAIN))
    real = box_prepare.look

    def pretending(pairs: list[tuple[int, int]]) -> None:
        def look(listed, seen, where, features=None):  # type: ignore[no-untyped-def]
            found: Look = real(listed, seen, where, features)
            leaks = tuple(Twins(a, b, 0.99) for a, b in pairs if where[a] != where[b])
            return Look(**{name: getattr(found, name) for name in found.__slots__} | {"leaks": leaks})

        monkeypatch.setattr(box_prepare, "look", look)

    pretending([(train[0], val[0])])
    one = prepared(blocks)
    assert one.places[val[0]] == TRAIN
    assert not one.look.leaks
    pretending([(train[0], n) for n in val])
    all_alike = prepared(blocks)
    assert (all_alike.places == places).all()
    assert any("--group" in sentence for sentence in all_alike.remarks)
    all_alike.look.refuse(fewest=1)
