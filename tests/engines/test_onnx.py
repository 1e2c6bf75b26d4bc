import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from run_folders import make_run
from visioncli.engines import open_engine
from visioncli.engines.compile import _seal, compiled_file, is_whole
from visioncli.engines.interface import Engine, EngineOptions
from visioncli.engines.onnx import OnnxEngine, open_compiled
from visioncli.errors import UsageError
from visioncli.models import registry
from visioncli.models.registry import ModelRow
from visioncli.tasks.detect import ssd
from visioncli.tasks.pose import movenet
from visioncli.tasks.preprocess import preprocess
from visioncli.tasks.segment import deeplab

EMBEDDED = (
    *("efficientnet_lite0", "efficientnet_lite3", "ssd_mobilenet_v2", "deeplab_v3_mobilenet_v2"),
    *("movenet_lightning",),
)
LITE = "efficientnet_lite0"


def row(name: str) -> ModelRow:
    return next(r for r in registry.ROWS if r.name == name)


def both(name: str) -> tuple[Engine, Engine]:
    return tuple(open_engine(row(name), EngineOptions("cpu", engine=kind)) for kind in ("onnx", "torch"))  # type: ignore[return-value]


def network_input(name: str, image: Image.Image) -> np.ndarray:
    if name == "ssd_mobilenet_v2":
        return ssd.preprocess(image)
    if name == "deeplab_v3_mobilenet_v2":
        return deeplab.preprocess(image, deeplab.input_size(image.height, image.width, 257))
    if name == "movenet_lightning":
        return movenet.preprocess(image)
    return preprocess(image, row(name).input)


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_compiled_network_answers_as_torch_does(name: str) -> None:
    fast, reference = both(name)
    size = row(name).input.size
    rng = np.random.default_rng(0)
    lowest, highest = (0, 255) if name == "movenet_lightning" else (-1, 1)
    noise = rng.uniform(lowest, highest, (3, 3, size, size)).astype(np.float32)
    samples = Path(__file__).resolve().parents[2] / "sample_images"
    batches = [noise] + [
        network_input(name, Image.open(samples / file).convert("RGB"))[None]
        for file in ("chelsea.png", "grace_hopper.jpg", "rocket.jpg")
    ]
    for batch in batches:
        for ours, theirs in zip(fast.run(batch), reference.run(batch), strict=True):
            assert ours.shape == theirs.shape
            # A logit of 48, far beyond certainty, may be off by more than 1e-4; whatever decides is not.
            np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=1e-5)


def test_a_picture_gets_the_same_bytes_whatever_its_neighbours() -> None:
    engine = open_engine(row(LITE), EngineOptions("cpu"))
    batch = np.random.default_rng(1).uniform(-1, 1, (5, 3, 224, 224)).astype(np.float32)
    (together,) = engine.run(batch)
    (alone,) = engine.run(batch[3:4])
    assert np.array_equal(together[3:4], alone)


def test_threads_may_call_at_the_same_time() -> None:
    engine = open_engine(row(LITE), EngineOptions("cpu", threads=4))
    assert engine.parallel == 4
    batch = np.random.default_rng(2).uniform(-1, 1, (4, 3, 224, 224)).astype(np.float32)
    found: dict[int, np.ndarray] = {}
    threads = [
        threading.Thread(target=lambda n=n: found.update({n: engine.run(batch[n : n + 1])[0]}))  # type: ignore[misc]
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.array_equal(np.concatenate([found[n] for n in range(4)]), engine.run(batch)[0])


@pytest.fixture
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path) -> Path:
    """A cache of the test's own with the compiled classifier in it; compiling it again is a copy."""
    open_engine(row(LITE))
    good = compiled_file(row(LITE)).read_bytes()

    def compile_again(row: ModelRow, target: Path | None = None, tell: object = None) -> Path:
        from visioncli.files import write_whole

        write_whole(target or compiled_file(row), good)
        return target or compiled_file(row)

    monkeypatch.setattr("visioncli.engines.onnx.compile_model", compile_again)
    monkeypatch.setenv("VISION_CACHE_DIR", str(tmp_path))
    open_engine(row(LITE))
    return tmp_path


@pytest.mark.parametrize("damage", [b"", b"not a network", None])
def test_a_damaged_file_is_made_again(own_cache: Path, damage: bytes | None) -> None:
    path = compiled_file(row(LITE))
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2] if damage is None else damage)
    engine = open_engine(row(LITE))
    assert engine.name == "onnx"
    assert path.read_bytes() == good


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9, 1.0])
def test_a_file_with_one_flipped_bit_is_made_again(own_cache: Path, place: float) -> None:
    path = compiled_file(row(LITE))
    good = path.read_bytes()
    bad = bytearray(good)
    bad[int(place * (len(good) - 1))] ^= 4
    path.write_bytes(bad)
    assert not is_whole(path)
    assert open_engine(row(LITE)).name == "onnx"
    assert path.read_bytes() == good
    assert is_whole(path)


def test_the_checksum_is_a_part_of_the_file_that_other_programs_read(own_cache: Path) -> None:
    import onnx

    entries = {entry.key: entry.value for entry in onnx.load(compiled_file(row(LITE))).metadata_props}
    assert len(entries["crc32"]) == 8
    assert entries["weights_sha256"] == row(LITE).source.sha256


def test_a_file_made_of_other_weights_is_made_again(own_cache: Path) -> None:
    import onnx

    path = compiled_file(row(LITE))
    model = onnx.load(path)
    next(p for p in model.metadata_props if p.key == "weights_sha256").value = "0" * 64
    onnx.save(model, path)
    path.write_bytes(path.read_bytes() + _seal(path))
    other = path.read_bytes()
    assert open_engine(row(LITE)).name == "onnx"
    assert path.read_bytes() != other


def test_without_a_place_to_keep_it_torch_answers(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own_cache / "file").touch()
    monkeypatch.setenv("VISION_CACHE_DIR", str(own_cache / "file"))
    with pytest.warns(UserWarning, match="could not be kept"):
        assert open_compiled(row(LITE), EngineOptions()) is None


def test_asked_for_by_name_it_runs_without_a_cache_too(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own_cache / "file").touch()
    monkeypatch.setenv("VISION_CACHE_DIR", str(own_cache / "file"))
    with pytest.warns(UserWarning, match="could not be kept"):
        assert isinstance(open_compiled(row(LITE), EngineOptions(engine="onnx")), OnnxEngine)


def test_predicting_imports_neither_torch_nor_torchvision() -> None:
    open_engine(row(LITE))
    program = (
        "import sys; from visioncli import load; "
        "load('classify')(sys.argv[1]); "
        "print(sorted({m.partition('.')[0] for m in sys.modules} & {'torch', 'torchvision', 'onnx', 'safetensors'}))"
    )
    picture = Path(__file__).resolve().parents[2] / "sample_images" / "chelsea.png"
    done = subprocess.run(
        [sys.executable, "-c", program, str(picture)], capture_output=True, check=True, env=os.environ, text=True
    )
    assert done.stdout == "[]\n"


def test_a_network_that_this_torch_cannot_export_runs_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise UsageError("run cannot be exported to ONNX by this version of torch: it is new")

    monkeypatch.setattr("visioncli.engines.compile._export", refuse)
    trained = make_run(tmp_path / "run", labels=("never", "compiled"))
    assert open_engine(trained, EngineOptions("cpu")).name == "torch"
    with pytest.raises(UsageError, match="cannot be exported"):
        open_engine(trained, EngineOptions("cpu", engine="onnx"))
