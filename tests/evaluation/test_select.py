from pathlib import Path

import pytest

from visioncli.errors import UsageError
from visioncli.evaluation.select import Trained, of_known_classes, part, trained_on, unseen
from visioncli.labelled.interface import Example, PictureSet, SetError


def pictures(*splits: str, labels: tuple[tuple[int, ...], ...] = ()) -> PictureSet:
    every = tuple(
        Example(f"{n}.png", f"{n}.png", labels=labels[n] if labels else (0,), split=split)
        for n, split in enumerate(splits)
    )
    return PictureSet("set", "csv", ("cat", "dog"), every)


@pytest.mark.parametrize(
    ("splits", "taken"),
    [(("train", "val", "test"), "test"), (("train", "val"), "val"), (("train",), "all"), (("", ""), "all")],
)
def test_without_a_word_the_part_that_was_kept_back_is_taken(splits: tuple[str, ...], taken: str) -> None:
    chosen = part(pictures(*splits), None)
    assert chosen.split == taken
    assert len(chosen.examples) == (len(splits) if taken == "all" else 1)


def test_a_part_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="has no test part"):
        part(pictures("train", "val"), "test")
    with pytest.raises(SetError, match="no pictures"):
        part(pictures(), None)


def test_of_several_labels_one_known_class_keeps_the_picture() -> None:
    several = pictures("", "", "", labels=((0,), (0, 1), (1,)))
    chosen = of_known_classes(part(several, None), several, {0})
    assert [e.path for e in chosen.examples] == ["1.png", "2.png"]
    assert chosen.unknown_class == 1


def test_what_a_run_saw_is_read_from_either_file(tmp_path: Path) -> None:
    assert trained_on(tmp_path) is None
    (tmp_path / "files.jsonl").write_text(
        '{"path": "a", "sha256": "aa", "split": "train"}\n{"path": "b", "sha256": "bb", "split": "val"}\n'
    )
    assert trained_on(tmp_path) == Trained(str(tmp_path), frozenset({"aa"}), frozenset({"bb"}))
    (tmp_path / "split.csv").write_text("path,label,split,group,sha256\nx,y,train,,cc\nz,y,test,,dd\n")
    assert trained_on(tmp_path) == Trained(str(tmp_path), frozenset({"cc"}), frozenset())
    (tmp_path / "split.csv").write_text("path\nx\n")
    with pytest.raises(UsageError, match="what it was trained on cannot be read"):
        trained_on(tmp_path)


def test_contents_tell_and_not_names(tmp_path: Path) -> None:
    import hashlib

    (tmp_path / "a.png").write_bytes(b"same")
    here = Example(str(tmp_path / "a.png"), "a.png", labels=(0,))
    inside = Example("x!/b", "b", labels=(0,), content=lambda: b"same")
    other = Example("x!/c", "c", labels=(0,), content=lambda: b"other")
    chosen = part(PictureSet("set", "zip", ("cat",), (here, inside, other)), None)
    run = Trained("run", frozenset({hashlib.sha256(b"same").hexdigest()}), frozenset())
    kept = unseen(chosen, [run], allow_leaks=False)
    assert (kept.examples, kept.trained_on) == ((other,), 2)
    assert unseen(chosen, [run], allow_leaks=True).examples == chosen.examples
