"""Moving and linking duplicates: the journal comes first, nothing is replaced, nothing is lost, all is undone."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from visioncli.alike import moving
from visioncli.alike.moving import JOURNAL, Wish, carry_out, undo
from visioncli.errors import OutputError, UsageError


def wish(path: Path, name: str | None = None, kept: str = "") -> Wish:
    facts = path.stat()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Wish(str(path), name or path.name, digest, facts.st_size, facts.st_mtime_ns, kept)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "photos"
    paths = [folder / name for name in ("a.jpg", "b.jpg", "sub/a.jpg", "größe\n猫.jpg")]
    for n, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([n]) * (1000 + n))
    return paths


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_moved_files_come_back_with_their_times_and_nothing_is_left(photos: list[Path], tmp_path: Path) -> None:
    before = tree(tmp_path)
    times = [p.stat().st_mtime_ns for p in photos]
    wishes = [wish(p, str(p.relative_to(tmp_path / "photos"))) for p in photos]
    done = carry_out("move", wishes, tmp_path / "out")
    assert (done.count, done.refused, done.journal) == (4, [], tmp_path / "out" / JOURNAL)
    assert not any(p.exists() for p in photos)
    assert (tmp_path / "out" / "sub" / "a.jpg").read_bytes() == before["photos/sub/a.jpg"]
    assert undo(done.journal).count == 4
    assert tree(tmp_path) == before
    assert [p.stat().st_mtime_ns for p in photos] == times
    assert not (tmp_path / "out").exists()


def test_links_leave_the_files_where_they_are(photos: list[Path], tmp_path: Path) -> None:
    before = tree(tmp_path)
    done = carry_out("link", [wish(p, f"1/{p.name}") for p in photos], tmp_path / "out")
    links = sorted((tmp_path / "out" / "1").iterdir())
    assert sorted(os.readlink(link) for link in links) == sorted(map(str, photos))
    undo(done.journal)
    assert tree(tmp_path) == before


def test_names_that_are_taken_are_left_alone(photos: list[Path], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.jpg").write_bytes(b"mine")
    done = carry_out("move", [wish(photos[0], "a.jpg"), wish(photos[2], "a.jpg")], tmp_path / "out")
    assert (tmp_path / "out" / "a.jpg").read_bytes() == b"mine"
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"a.jpg", "a~2.jpg", "a~3.jpg", JOURNAL}
    undo(done.journal)
    assert tree(tmp_path / "out") == {"a.jpg": b"mine"}
    assert photos[0].exists() and photos[2].exists()


def test_each_run_has_a_journal_of_its_own(photos: list[Path], tmp_path: Path) -> None:
    first = carry_out("move", [wish(photos[0])], tmp_path / "out")
    second = carry_out("move", [wish(photos[1])], tmp_path / "out")
    assert first.journal != second.journal
    undo(first.journal)
    assert photos[0].exists() and not photos[1].exists()
    undo(second.journal)
    assert photos[1].exists()


def test_what_has_changed_or_lost_its_fellow_stays(photos: list[Path], tmp_path: Path) -> None:
    wishes = [wish(photos[0]), wish(photos[1], kept=str(tmp_path / "gone.jpg")), wish(photos[2])]
    photos[0].write_bytes(b"edited meanwhile")
    photos[2].unlink()
    (tmp_path / "photos" / "link.jpg").symlink_to("b.jpg")
    wishes.append(wish(tmp_path / "photos" / "link.jpg"))
    done = carry_out("move", wishes, tmp_path / "out")
    assert done.count == 0
    reasons = [reason for _, reason in done.refused]
    assert all(
        word in reason for word, reason in zip(("changed", "is gone", "no longer", "is a link"), reasons, strict=True)
    )
    assert photos[0].read_bytes() == b"edited meanwhile" and photos[1].exists()


def across_disks(monkeypatch: pytest.MonkeyPatch, *, hard_links: bool = True) -> None:
    """Links between `photos` and `out` fail as between two disks; without `hard_links` all do."""
    real = os.link

    def link(source: Any, target: Any, **how: Any) -> None:
        apart = ("/photos/" in str(source)) != ("/photos/" in str(target))
        if apart or not hard_links:
            raise OSError(errno.EXDEV if apart else errno.EPERM, "no link")
        real(source, target, **how)

    monkeypatch.setattr(os, "link", link)


@pytest.mark.parametrize("hard_links", [True, False])
def test_files_go_to_another_disk_and_back(
    photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool
) -> None:
    before = tree(tmp_path)
    across_disks(monkeypatch, hard_links=hard_links)
    done = carry_out("move", [wish(p) for p in photos if p != photos[2]], tmp_path / "out")
    assert done.count == 3 and not photos[0].exists()
    assert undo(done.journal).count == 3
    assert tree(tmp_path) == before


def test_a_full_disk_loses_nothing_and_leaves_no_half_file(
    photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(tmp_path)
    across_disks(monkeypatch)
    real = moving.shutil.copy2

    def copy(source: str, target: str, **how: Any) -> None:
        if source.endswith("b.jpg"):
            Path(target).write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target, **how)

    monkeypatch.setattr(moving.shutil, "copy2", copy)
    with pytest.raises(OutputError, match="disk is full"):
        carry_out("move", [wish(photos[0]), wish(photos[1])], tmp_path / "out")
    assert photos[1].exists()
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"a.jpg", JOURNAL}
    undo(tmp_path / "out" / JOURNAL)
    assert tree(tmp_path) == before


def test_a_copy_that_is_not_the_same_is_not_kept(
    photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    across_disks(monkeypatch)
    monkeypatch.setattr(moving.shutil, "copy2", lambda source, target, **how: Path(target).write_bytes(b"rotten"))
    done = carry_out("move", [wish(photos[0])], tmp_path / "out")
    assert done.count == 0 and "not what was to be moved" in done.refused[0][1]
    assert photos[0].exists() and {p.name for p in (tmp_path / "out").iterdir()} == {JOURNAL}


def test_a_folder_that_may_not_be_emptied_keeps_its_file_alone(
    photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.unlink

    def unlink(path: Any, **how: Any) -> None:
        if str(path) == str(photos[0]):
            raise OSError(errno.EACCES, "Permission denied")
        real(path, **how)

    monkeypatch.setattr(os, "unlink", unlink)
    done = carry_out("move", [wish(photos[0])], tmp_path / "out")
    assert done.count == 0 and len(done.refused) == 1
    assert photos[0].exists() and {p.name for p in (tmp_path / "out").iterdir()} == {JOURNAL}


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from alike.test_moving import wish
from visioncli.alike import moving
calls = 0
def dying(name, after):
    real = getattr(os, name)
    def call(*args, **how):
        global calls
        calls += 1
        if calls == {at} and not after: os.kill(os.getpid(), signal.SIGKILL)
        found = real(*args, **how)
        if calls == {at} and after: os.kill(os.getpid(), signal.SIGKILL)
        return found
    setattr(os, name, call)
for name in ("link", "unlink", "fsync"):
    dying(name, {after})
folder = Path({folder!r})
moving.carry_out("move", [wish(p) for p in sorted((folder / "photos").glob("*.jpg"))], folder / "out")
"""


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(2, 9))
def test_a_kill_at_any_step_loses_nothing_and_is_undone(
    photos: list[Path], tmp_path: Path, at: int, after: bool
) -> None:
    before = tree(tmp_path)
    code = KILLED.format(tests=str(Path(__file__).parents[1]), at=at, after=after, folder=str(tmp_path))
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    contents = sorted(data for name, data in tree(tmp_path).items() if not name.endswith(JOURNAL))
    assert set(contents) == set(before.values())
    undo(tmp_path / "out" / JOURNAL)
    assert tree(tmp_path) == before


def test_undoing_again_after_a_kill_goes_on(
    photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(tmp_path)
    done = carry_out("move", [wish(p) for p in photos if p != photos[2]], tmp_path / "out")
    real = moving._take_back
    steps: Iterator[bool] = iter([False, True])

    def once(step: moving.Step) -> str | None:
        if next(steps):
            raise KeyboardInterrupt
        return real(step)

    with monkeypatch.context() as patch:
        patch.setattr(moving, "_take_back", once)
        with pytest.raises(KeyboardInterrupt):
            undo(done.journal)
    assert undo(done.journal).count == 3
    assert tree(tmp_path) == before


def test_undoing_replaces_nothing_and_says_so(photos: list[Path], tmp_path: Path) -> None:
    done = carry_out("move", [wish(photos[0]), wish(photos[1])], tmp_path / "out")
    photos[0].write_bytes(b"new")
    (tmp_path / "out" / "b.jpg").write_bytes(b"edited")
    undone = undo(done.journal)
    assert undone.count == 0 and len(undone.refused) == 2
    assert photos[0].read_bytes() == b"new" and done.journal.exists()
    photos[0].unlink()
    assert undo(done.journal).count == 1


def test_a_line_that_was_cut_off_is_none(photos: list[Path], tmp_path: Path) -> None:
    done = carry_out("move", [wish(photos[0])], tmp_path / "out")
    with done.journal.open("ab") as file:
        file.write(b'{"do": "move", "sour')
    assert undo(done.journal).count == 1
    assert photos[0].exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no journal",
        '{"journal": "other"}\n',
        json.dumps({"journal": "vision-dedupe/1", "folder": "/x"}) + "\n{}\n",
    ],
)
def test_other_files_are_no_journals(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file.jsonl"
    path.write_text(text)
    with pytest.raises(UsageError, match="no journal of vision dedupe"):
        undo(path)
    with pytest.raises(UsageError, match="cannot be read"):
        undo(tmp_path / "none.jsonl")
