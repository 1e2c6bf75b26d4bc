import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import make_picture
from visioncli.errors import InputsGone, UsageError
from visioncli.inputs.follow import Follower, Watching
from visioncli.inputs.sources import Expansion

Make = Callable[..., list[Path]]


class Followed:
    """A follower in a thread of its own, as the runner has it."""

    def __init__(self, folder: Path, how: Watching, out: Path | None = None) -> None:
        self.names: queue.Queue[str | BaseException] = queue.Queue()
        self.begun, self.said = threading.Event(), list[str]()
        expansion = Expansion(None if out is None else str(out))
        self._follower = Follower(expansion, [str(folder)], how, self.said.append, self.begun.set)
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        try:
            for item in self._follower.items():
                self.names.put(item.relative)
        except BaseException as problem:
            self.names.put(problem)

    def next(self, seconds: float = 20.0) -> str | BaseException:
        return self.names.get(timeout=seconds)

    def nothing(self, seconds: float = 0.6) -> bool:
        time.sleep(seconds)
        return self.names.empty()


@pytest.fixture(params=[None, 0.1], ids=["told", "polled"])
def how(request: pytest.FixtureRequest) -> Iterator[Watching]:
    yield Watching(settle=0.5, poll=request.param)


def test_what_is_there_comes_first_and_once_then_what_comes(how: Watching, pictures: Make, tmp_path: Path) -> None:
    paths = pictures(2)
    followed = Followed(tmp_path / "photos", how)
    assert [followed.next(), followed.next()] == ["000.png", "001.png"]
    assert followed.begun.wait(10)
    (tmp_path / "photos" / "sub").mkdir()
    shutil.copy(paths[0], tmp_path / "photos" / "sub" / "new.png")
    assert followed.next() == "sub/new.png"
    assert followed.nothing()
    assert not followed.said


def test_a_file_is_given_on_when_it_is_whole(how: Watching, pictures: Make, tmp_path: Path) -> None:
    (path,) = pictures(1)
    content = path.read_bytes()
    followed = Followed(tmp_path / "photos", Watching(settle=60.0, poll=how.poll))
    assert followed.next() == "000.png"
    with (tmp_path / "photos" / "slow.png").open("wb", buffering=0) as file:
        for part in (content[:100], content[100:-4]):
            file.write(part)
            assert followed.nothing(0.5)
        file.write(content[-4:])
    assert followed.next() == "slow.png"


def test_what_never_ends_by_its_bytes_is_given_on_when_it_does_not_change(how: Watching, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    followed = Followed(tmp_path / "photos", how)
    assert followed.begun.wait(10)
    path = tmp_path / "photos" / "notes"
    for n in range(6):
        with path.open("a") as file:
            file.write(f"line {n}\n")
        time.sleep(0.15)
        assert followed.names.empty()
    assert followed.next() == "notes"


def test_a_file_that_is_renamed_into_its_place_comes_at_once(how: Watching, pictures: Make, tmp_path: Path) -> None:
    (path,) = pictures(1)
    followed = Followed(tmp_path / "photos", Watching(settle=60.0, poll=how.poll))
    assert followed.next() == "000.png"
    hidden = tmp_path / "photos" / ".upload"
    shutil.copy(path, hidden)
    assert followed.nothing()
    os.replace(hidden, tmp_path / "photos" / "done.png")
    assert followed.next() == "done.png"


def test_a_file_that_changes_comes_again(how: Watching, pictures: Make, tmp_path: Path) -> None:
    (path,) = pictures(1)
    followed = Followed(tmp_path / "photos", how)
    assert followed.next() == "000.png"
    assert followed.begun.wait(10)
    path.chmod(0o600)
    assert followed.nothing()
    make_picture(9, (64, 64)).save(path)
    assert followed.next() == "000.png"


def test_a_folder_that_is_moved_in_comes_with_all_that_it_holds(
    how: Watching, pictures: Make, tmp_path: Path
) -> None:
    pictures(2, folder="elsewhere")
    (tmp_path / "photos").mkdir()
    followed = Followed(tmp_path / "photos", how)
    assert followed.begun.wait(10)
    (tmp_path / "elsewhere").rename(tmp_path / "photos" / "day 1")
    assert [followed.next(), followed.next()] == ["day 1/000.png", "day 1/001.png"]


def test_results_inside_the_folder_are_no_inputs(how: Watching, pictures: Make, tmp_path: Path) -> None:
    (path,) = pictures(1)
    out = tmp_path / "photos" / "out"
    followed = Followed(tmp_path / "photos", how, out)
    assert followed.next() == "000.png"
    assert followed.begun.wait(10)
    out.mkdir()
    other = tmp_path / "photos" / "other run"
    other.mkdir()
    (other / ".visionfiles").write_bytes(b"cat.png.detect.jpg\0")
    for place in (out / "cat.png", other / "cat.png.detect.jpg", tmp_path / "photos" / "credits.md"):
        shutil.copy(path, place)
    assert followed.nothing(1.0)
    shutil.copy(path, other / "cat.png")
    assert followed.next() == "other run/cat.png"


def test_when_the_folder_goes_the_watch_ends_with_a_sentence(how: Watching, pictures: Make, tmp_path: Path) -> None:
    pictures(1)
    followed = Followed(tmp_path / "photos", how)
    assert followed.next() == "000.png"
    shutil.rmtree(tmp_path / "photos")
    ended = followed.next()
    assert isinstance(ended, InputsGone)
    assert "photos is no longer there" in str(ended)


def test_only_folders_can_be_watched(tmp_path: Path) -> None:
    (tmp_path / "cat.png").touch()
    for text in (str(tmp_path / "cat.png"), str(tmp_path / "nowhere"), "https://host/cat.png", "-"):
        with pytest.raises(UsageError, match="looks at folders"):
            Watching().check([text])
