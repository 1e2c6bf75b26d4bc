import dataclasses
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import make_picture
from visioncli import __version__
from visioncli.cluster.connect import Seats, connected
from visioncli.cluster.drive import Drive
from visioncli.cluster.piece import Done, Job
from visioncli.cluster.plan import Piece, Plan
from visioncli.cluster.worker import TOKEN
from visioncli.errors import ModelUnavailable, OutputError
from visioncli.inputs.item import Item
from visioncli.inputs.sources import Expansion
from visioncli.merging.parts import Part
from visioncli.runner import RunOptions
from visioncli.sinks.formats import SinkOptions
from visioncli.tasks.interface import Task

DEADLY = 13
"""The width of a picture that ends the process which works on it."""


def task(threads: int | None) -> Task:
    """A network that costs nothing, and dies of some pictures."""
    # Within a function, for nodes import no tests: what travels is the function.
    import os
    from collections.abc import Sequence

    from visioncli.pictures import Picture
    from visioncli.predictions import Classification
    from visioncli.results import ModelInfo
    from visioncli.tasks.interface import Answer, Task

    class Deadly(Task):
        name = "classify"

        def __init__(self) -> None:
            self.model = ModelInfo("deadly", "0" * 64)
            self.settings, self.labels = {}, {0: "picture"}

        def prepare(self, picture: Picture) -> int:
            if picture.width == 13:  # DEADLY
                os._exit(1)
            return picture.width

        def predict(self, batch: Sequence[int]) -> list[Answer]:
            return [Answer((Classification("picture", 0, 1.0),)) for _ in batch]

    return Deadly()


@pytest.fixture
def ray(on_cluster: Any) -> Iterator[Any]:
    with connected(on_cluster.address) as module:
        import ray.cloudpickle

        ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
        yield module


@pytest.fixture
def job(tmp_path: Path) -> Job:
    room = tmp_path / "room"
    room.mkdir()
    (room / TOKEN).write_text("seen")
    facts = {"task": "classify", "labels": [], "model": dataclasses.asdict(task(None).model)}
    names = (
        str(room),
        os.getcwd(),
        "seen",
        __version__,
        Expansion(),
        RunOptions(2, 1),
        {},
        [],
        SinkOptions(),
        None,
        None,
    )
    return Job(task, *names, facts, 0, "")


def planned(paths: list[Path], folder: Path) -> Plan:
    plan = Plan(folder / "listing")
    plan.list([Item(str(path), path.name) for path in paths], lambda item: [item], lambda *_: False, lambda: None)
    return plan


def inputs(job: Job, done: list[Done]) -> list[str]:
    rows = [
        row for one in done for row in Part(Path(job.room, one.folder), {"task": "classify", "complete": True}).rows()
    ]
    return sorted(Path(row.record.input).name for row in rows)


def nothing() -> None:
    """No interrupt."""


def test_a_picture_that_ends_every_process_is_given_up_and_costs_its_neighbours_nothing(
    ray: Any, job: Job, pictures: Callable[..., list[Path]], tmp_path: Path
) -> None:
    paths = pictures(12)
    make_picture(1, (DEADLY, 8)).save(paths[5])
    said: list[str] = []
    drive = Drive(ray, job, Seats(1, 1), said.append)
    plan = planned(paths, tmp_path)
    done = list(drive.run(iter([Piece(0, tuple((n, Item(str(p), p.name)) for n, p in enumerate(paths)))]), nothing))
    assert inputs(job, done) == sorted(path.name for path in paths if path != paths[5])
    assert [[item.path for _, item in piece.items] for piece in drive.given_up] == [[str(paths[5])]]
    assert plan.to_do == 12
    assert set(said) == {"An actor was lost; what it had in work is done again."}


def test_actors_have_few_pieces_at_a_time(
    ray: Any, job: Job, pictures: Callable[..., list[Path]], tmp_path: Path
) -> None:
    (path,) = pictures(1)
    taken, ended = 0, 0

    def pieces() -> Iterator[Piece]:
        nonlocal taken
        for n in range(30):
            taken += 1
            assert taken - ended <= 5
            yield Piece(n, ((n, Item(str(path), path.name)),))

    for _ in Drive(ray, job, Seats(2, 1), lambda sentence: None).run(pieces(), nothing):
        ended += 1
    assert taken == ended == 30


def test_what_prevents_an_actor_from_working_is_raised_as_it_would_be_here(ray: Any, job: Job) -> None:
    def missing(threads: int | None) -> Task:
        from visioncli.errors import ModelUnavailable

        raise ModelUnavailable("The weights are not here.")

    for changed, kind, words in (
        ({"make": missing}, ModelUnavailable, "The weights are not here"),
        ({"token": "another"}, OutputError, "does not see the folder"),
    ):
        drive = Drive(ray, dataclasses.replace(job, **changed), Seats(1, 1), lambda sentence: None)
        with pytest.raises(kind, match=words):
            drive.wait_until_ready(nothing)
