"""What the runner makes of the examples of a set."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import make_picture
from fakes import MeanColour, items
from visioncli.errors import InputError
from visioncli.inputs.sources import Item
from visioncli.labelled.interface import Content, Example
from visioncli.predictions import Classification
from visioncli.results import Record
from visioncli.runner import Outcome, RunOptions, run
from visioncli.tasks.interface import Answer, Known


def png(colour: str = "red", size: tuple[int, int] = (40, 20)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "PNG")
    return stream.getvalue()


def giving(data: bytes | np.ndarray) -> Content:
    return lambda: data


def outcomes(*items: Item, **options: int) -> list[Outcome]:
    return list(run(items, MeanColour(), RunOptions(**options)))


def test_examples_are_read_from_bytes_arrays_and_files_alike(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    array = np.full((20, 40, 3), (255, 0, 0), np.uint8)
    plain = Item(str(tmp_path / "a.png"), "a.png")
    items = [
        plain,
        Example(plain.path, "a.png", labels=(1,)),
        Example("s.zip!/a.png", "s/a.png", content=giving(png())),
        Example("s!/0", "s/0", content=giving(array)),
    ]
    records = [json.loads(json.dumps(o.record.to_json())) for o in outcomes(*items)]
    assert [r["input"] for r in records] == [i.path for i in items]
    assert len({json.dumps(r["predictions"]) for r in records}) == 1
    assert {(r["width"], r["height"]) for r in records} == {(40, 20)}


def test_a_box_is_what_the_network_sees(tmp_path: Path) -> None:
    image = Image.open(io.BytesIO(png("red")))
    image.paste("blue", (20, 0, 40, 20))
    image.save(tmp_path / "a.png")
    path = str(tmp_path / "a.png")
    left, right, whole = outcomes(
        Example(path, "a.0.png", box=(0, 0, 20, 20)),
        Example(path, "a.1.png", box=(20, 0, 40, 20)),
        Item(path, "a.png"),
    )
    assert left.picture is not None and right.picture is not None
    assert (left.record.width, left.record.height) == (20, 20)
    assert left.picture.rgb[0, 0].tolist() == [255, 0, 0]
    assert right.picture.rgb[0, 0].tolist() == [0, 0, 255]
    # Resuming an earlier run must not take one for another.
    assert len({left.record.key, right.record.key, whole.record.key} - {None}) == 3


def test_what_lies_in_an_archive_is_known_again_while_the_archive_is_the_same(tmp_path: Path) -> None:
    def keys() -> list[str | None]:
        items = [Example(f"{tmp_path}/s.zip!/{n}", n, content=giving(png())) for n in ("a", "b")]
        return [o.record.key for o in outcomes(*items)]

    (tmp_path / "s.zip").write_bytes(b"1")
    before = keys()
    assert None not in before and len(set(before)) == 2
    assert keys() == before
    (tmp_path / "s.zip").write_bytes(b"other")
    assert set(keys()).isdisjoint(before)


def test_what_is_in_memory_has_no_key_to_resume_by() -> None:
    assert outcomes(Example("a", "a", content=giving(png())))[0].record.key is None


def test_an_example_that_cannot_be_read_is_a_record() -> None:
    def gone() -> bytes:
        raise InputError("not_found", "There is no such file in this archive.")

    items = [
        Example("s!/0", "0", content=gone),
        Example("s!/1", "1", content=giving(b"hello")),
        Example("s!/2", "2", content=giving(png()), box=(50, 50, 60, 60)),
        Example("s!/3", "3", content=giving(np.zeros((300, 300, 3), np.uint8))),
        Example("s!/4", "4", content=giving(png())),
    ]
    kinds = [o.record.error and o.record.error.kind for o in outcomes(*items, max_pixels=80_000)]
    assert kinds == ["not_found", "unreadable_picture", "unreadable_picture", "too_large", None]


@pytest.mark.parametrize("workers", [1, 4])
def test_many_examples_pass_in_order_whatever_lies_between(workers: int) -> None:
    items = [
        Example(f"s!/{n}", f"{n}", content=giving(np.full((9, 9, 3), n, np.uint8) if n % 2 else png(f"#{n:02x}0000")))
        for n in range(60)
    ]
    found = outcomes(*items, workers=workers)
    assert [o.item.relative for o in found] == [str(n) for n in range(60)]
    assert [o.picture.rgb[0, 0, 0] for o in found if o.picture] == list(range(60))


class Remembers(MeanColour):
    """Knows the answers of some inputs before they are read."""

    def recall(self, item: Item) -> Known | None:
        known = Known(7, 5, Answer((Classification("red", 0, 1.0),), arrays={"x": np.ones(2)}))
        return known if item.path.endswith("known.png") else None


def test_an_answer_that_is_known_needs_no_decoding(tmp_path: Path) -> None:
    (tmp_path / "known.png").write_bytes(b"no picture at all")
    make_picture(1).save(tmp_path / "other.png")
    task = Remembers()
    known, other = run(items(sorted(tmp_path.iterdir())), task, RunOptions())
    assert (known.record.width, known.record.height) == (7, 5)
    assert known.record.ok and known.record.key and not known.resumed and known.picture is None
    assert (known.arrays["x"] == 1).all()
    assert other.record.ok and sum(task.batches) == 1


def test_a_known_answer_does_not_lift_the_limit_of_pixels(tmp_path: Path) -> None:
    make_picture(1).save(tmp_path / "known.png")
    (refused,) = run(items(tmp_path.iterdir()), Remembers(), RunOptions(max_pixels=20))
    assert refused.record.error is not None and refused.record.error.kind == "too_large"


class Forgets(MeanColour):
    """Takes no earlier record over."""

    def take_over(self, item: Item, record: Record) -> Record | None:
        return None


def test_a_record_that_the_task_does_not_take_over_is_made_anew(tmp_path: Path) -> None:
    make_picture(1).save(tmp_path / "a.png")
    (first,) = run(items(tmp_path.iterdir()), MeanColour(), RunOptions())
    for task, resumed in ((MeanColour(), True), (Forgets(), False)):
        (again,) = run(items(tmp_path.iterdir()), task, RunOptions(), finished=lambda key: first.record)
        assert again.resumed is resumed
        assert sum(task.batches) == (not resumed)
