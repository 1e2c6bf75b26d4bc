from collections.abc import Callable
from pathlib import Path

import pytest

from fakes import MeanColour
from recordings import ROW, Ears, tone, write
from visioncli.errors import ModelUnavailable
from visioncli.inputs.sources import Item
from visioncli.results import Record
from visioncli.runner import RunOptions, run
from visioncli.tasks.classify.either import Either
from visioncli.tasks.classify.sound import ClassifySound
from visioncli.tasks.interface import Task


def mixed(tmp_path: Path, pictures: Callable[..., list[Path]]) -> list[Item]:
    colours = pictures(2)
    sounds = [write(tmp_path / f"{n}.wav", tone(250, 1)) for n in range(2)]
    paths = [colours[0], sounds[0], colours[1], sounds[1]]
    return [Item(str(path), path.name) for path in paths]


def records(items: list[Item], task: Task) -> list[Record]:
    return [outcome.record for outcome in run(items, task, RunOptions(batch_size=3))]


def test_each_input_is_answered_by_the_network_of_its_kind(
    tmp_path: Path, pictures: Callable[..., list[Path]]
) -> None:
    task = Either({"picture": MeanColour, "sound": lambda: ClassifySound(ROW, Ears())}, {"picture", "sound"})
    found = records(mixed(tmp_path, pictures), task)
    assert [r.model.name for r in found if r.model] == ["mean_colour", "ears"] * 2
    assert [r.seconds for r in found] == [None, 1.0, None, 1.0]
    assert [r.width for r in found] == [48, None, 48, None]


def test_a_network_is_loaded_with_the_first_input_of_its_kind(
    tmp_path: Path, pictures: Callable[..., list[Path]]
) -> None:
    loaded = []

    def sound() -> Task:
        loaded.append("sound")
        return ClassifySound(ROW, Ears())

    task = Either({"picture": MeanColour, "sound": sound}, {"picture"})
    items = mixed(tmp_path, pictures)
    records(items[:1], task)
    assert not loaded
    records(items, task)
    assert loaded == ["sound"]


def test_a_network_that_cannot_be_had_costs_only_the_inputs_of_its_kind(
    tmp_path: Path, pictures: Callable[..., list[Path]]
) -> None:
    asked = []

    def sound() -> Task:
        asked.append(1)
        raise ModelUnavailable("The weights of ears are not here.\n  file: …")

    task = Either({"picture": MeanColour, "sound": sound}, {"picture"})
    found = records(mixed(tmp_path, pictures), task)
    assert [r.error.kind if r.error else None for r in found] == [None, "model_unavailable"] * 2
    assert found[1].error and found[1].error.message == "The weights of ears are not here."
    assert asked == [1]


def test_what_is_needed_at_once_must_be_there() -> None:
    def sound() -> Task:
        raise ModelUnavailable("not here")

    with pytest.raises(ModelUnavailable):
        Either({"picture": MeanColour, "sound": sound}, {"sound"})
