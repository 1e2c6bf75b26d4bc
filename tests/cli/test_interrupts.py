import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import visioncli
from conftest import Ended
from visioncli.cli.interrupts import Interrupts
from visioncli.sinks.folder import PARTIAL

Start = Callable[..., subprocess.Popen[bytes]]
Make = Callable[..., list[Path]]
COUNT = 40


def predictions(folder: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (folder / "predictions.jsonl").read_bytes().splitlines()]
    return [{k: v for k, v in record.items() if k != "ms"} for record in found]


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def wait_for_lines(process: subprocess.Popen[bytes], count: int) -> None:
    assert process.stdout is not None
    for _ in range(count):
        assert process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_soon_with_status_130_and_valid_records(
    number: int, start_vision: Start, pictures: Make, tmp_path: Path
) -> None:
    pictures(COUNT)
    process = start_vision("classify", "photos", "-", "-o", "out", "-f", "json")  # more may come by the pipe
    wait_for_lines(process, 5)
    process.send_signal(number)
    start = time.monotonic()
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - start < 2
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert b"interrupted" in err
    done = predictions(tmp_path / "out")
    assert 5 <= len(done) <= COUNT
    assert [r["input"] for r in done] == [f"photos/{n:03d}.png" for n in range(len(done))]
    assert len(json.loads((tmp_path / "out" / "predictions.json").read_bytes())) == len(done)
    assert not [name for name in files(tmp_path / "out") if ".vision-" in name]


def test_an_interrupt_while_the_network_loads_leaves_nothing(
    start_vision: Start, pictures: Make, tmp_path: Path
) -> None:
    pictures(1)
    # The reference engine, for it takes seconds to load.
    process = start_vision("classify", "photos", "-o", "out", "--engine", "torch")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - start < 2
    assert process.returncode == 130
    assert (out, err) == (b"", b"")
    assert not (tmp_path / "out").exists()


def test_an_interrupted_run_can_be_resumed_again_and_again(
    start_vision: Start, vision_process: Callable[..., Ended], pictures: Make, tmp_path: Path
) -> None:
    pictures(COUNT)
    whole = vision_process("classify", "photos", "-o", "whole", "--annotated", "none")
    seen = 0
    for _ in range(2):
        process = start_vision("classify", "photos", "-o", "out", "--resume", "--annotated", "none")
        wait_for_lines(process, seen + 3)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert len(predictions(tmp_path / "out")) >= seen
        seen = len(predictions(tmp_path / "out"))
    last = vision_process("classify", "photos", "-o", "out", "--resume", "--annotated", "none")
    assert last.status == whole.status == 0
    assert predictions(tmp_path / "out") == predictions(tmp_path / "whole")


def test_a_killed_run_resumes_to_what_an_undisturbed_one_gives(
    start_vision: Start, vision_process: Callable[..., Ended], pictures: Make, tmp_path: Path
) -> None:
    pictures(COUNT)
    (tmp_path / "photos" / "006.png").write_bytes(b"broken")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    names = "".join(f"../photos/{n:03d}.png\n" for n in range(COUNT)).encode()
    whole = vision_process("classify", "-", "-o", "out", cwd=tmp_path / "a", stdin=names)
    process = start_vision("classify", "-", "-o", "out", cwd=tmp_path / "b")
    assert process.stdin is not None
    # It waits for more, so it cannot be at its end when it is killed.
    process.stdin.write(b"".join(names.splitlines(keepends=True)[:20]))
    process.stdin.flush()
    wait_for_lines(process, 9)
    process.kill()
    process.communicate()
    assert (tmp_path / "b" / "out" / PARTIAL).is_dir()
    ended = vision_process("classify", "-", "-o", "out", "--resume", cwd=tmp_path / "b", stdin=names)
    assert "taken from an earlier run" in ended.err
    assert ended.status == whole.status == 1
    assert predictions(tmp_path / "a" / "out") == predictions(tmp_path / "b" / "out")
    assert files(tmp_path / "a" / "out") == files(tmp_path / "b" / "out")


def swallowed(begin: Interrupts) -> None:
    """A signal whose exception is lost, as in a finaliser that the interpreter runs."""
    with suppress(KeyboardInterrupt):
        begin.on_signal(signal.SIGINT, None)


@pytest.fixture
def made() -> Interrupts:
    """Interrupts of a program that has begun to write."""
    interrupts = Interrupts()
    interrupts.begin()
    return interrupts


def test_an_interrupt_waits_for_the_end_of_what_is_held(made: Interrupts) -> None:
    passed = []
    with pytest.raises(KeyboardInterrupt), made.armed(), made.held():
        made.on_signal(signal.SIGINT, None)
        passed.append(1)
    assert passed == [1]
    with made.armed(), made.held():
        passed.append(2)


def test_an_interrupt_ends_what_waits_before_the_first_picture(made: Interrupts) -> None:
    with pytest.raises(KeyboardInterrupt):
        made.on_signal(signal.SIGTERM, None)


def test_one_that_was_lost_before_the_first_picture_is_raised_there(made: Interrupts) -> None:
    swallowed(made)
    with pytest.raises(KeyboardInterrupt), made.armed():
        pytest.fail("nothing is begun any more")


def test_an_interrupt_whose_exception_was_lost_is_raised_again(made: Interrupts) -> None:
    with pytest.raises(KeyboardInterrupt), made.armed():
        swallowed(made)
        made.check()
        pytest.fail("the run went on")
    made.check()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_fell_into_a_finaliser_ends_the_wait_after_it(number: int) -> None:
    program = (
        "import os, threading, time, weakref\n"
        "from visioncli.cli.interrupts import Interrupts\n"
        "class Thing: pass\n"
        "def finaliser():\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        "    time.sleep(0.1)\n"
        "    print('the finaliser went on', flush=True)\n"
        "made = Interrupts(); made.install(); made.begin()\n"
        "try:\n"
        "    with made.armed():\n"
        "        thing = Thing(); weakref.finalize(thing, finaliser)\n"
        "        del thing\n"
        "        print('lost', flush=True)\n"
        "        threading.Event().wait(60)\n"
        "        print('went on', flush=True)\n"
        "except KeyboardInterrupt:\n"
        "    print('ended', flush=True)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=50, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"lost\nended\n", b"")


def test_other_exceptions_that_nobody_can_get_are_reported_as_ever() -> None:
    program = (
        "from visioncli.cli.interrupts import Interrupts\n"
        "class Thing:\n"
        "    def __del__(self): raise ValueError('of its own')\n"
        "Interrupts().install()\n"
        "Thing()\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=50, check=False)
    assert ended.returncode == 0
    assert b"ValueError: of its own" in ended.stderr


def test_an_interrupt_when_all_is_done_changes_nothing(made: Interrupts) -> None:
    with made.armed():
        pass
    made.on_signal(signal.SIGINT, None)
    made.check()


def test_before_anything_is_in_work_an_interrupt_is_no_exception_that_could_be_swallowed() -> None:
    program = (
        "import os, signal, sys, time\n"
        "from visioncli.cli.interrupts import Interrupts\n"
        "from visioncli.files import whole_file\n"
        "from pathlib import Path\n"
        "Interrupts().install()\n"
        "with whole_file(Path('half.onnx')) as half:\n"
        "    half.write_bytes(b'half')\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGTERM); time.sleep(20)\n"
        "    except BaseException:\n"
        "        print('swallowed')\n"
        "print('went on')\n"
    )
    with TemporaryDirectory() as folder:
        ended = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, check=False)
        assert (ended.returncode, ended.stdout, ended.stderr) == (130, b"", b"")
        assert list(Path(folder).iterdir()) == []


def test_a_second_interrupt_ends_what_never_comes_back() -> None:
    program = (
        "import signal, sys, threading, time\n"
        "from visioncli.cli import interrupts\n"
        "interrupts.ECHO_SECONDS, interrupts.GRACE_SECONDS = 0.05, 0.05\n"
        "made = interrupts.Interrupts(); made.install(); made.begin()\n"
        # The main thread of a program that is inside C code runs no handler.
        "signal.signal(signal.SIGINT, lambda *_: print('seen', flush=True))\n"
        "print('ready', flush=True)\n"
        "while True: time.sleep(1)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == b"seen\n"
    time.sleep(0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    process.stdout.close()


@pytest.mark.parametrize("number", ["INT", "TERM"])
def test_a_signal_that_was_ignored_from_the_start_stays_ignored(number: str, tmp_path: Path) -> None:
    program = (
        "import os, signal, time\n"
        "from visioncli.cli.interrupts import Interrupts\n"
        "Interrupts().install()\n"
        f"os.kill(os.getpid(), signal.SIG{number}); time.sleep(0.1); print('went on')\n"
    )
    command = f'trap \'\' {number}; exec "$0" -c "$1"'
    ended = subprocess.run(["sh", "-c", command, sys.executable, program], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, b"went on\n")


def test_signals_are_taken_over_before_anything_slow_is_loaded() -> None:
    program = "import sys, visioncli.__main__, visioncli.cli.interrupts; print({'typing', 're'} & sys.modules.keys())"
    # Without `site`, which may load anything.
    command = [sys.executable, "-S", "-c", program]
    source = str(Path(visioncli.__file__).parents[1])
    done = subprocess.run(command, capture_output=True, check=True, env=os.environ | {"PYTHONPATH": source})
    assert done.stdout == b"set()\n"


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.1, 0.2, 0.3])
def test_an_early_interrupt_is_status_130_without_words(delay: float, start_vision: Start, pictures: Make) -> None:
    pictures(1)
    process = start_vision("detect", "photos", "-o", "out", env={"PYTHONVERBOSE": "1"})
    assert process.stderr is not None
    for line in process.stderr:
        if b"visioncli.cli.app" in line:  # from here on signals are ours
            break
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in err
