import dataclasses
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from run_folders import make_run
from visioncli.engines import open_engine
from visioncli.engines.compile import _seal, compile_model, compiled_file, compiled_files, is_whole
from visioncli.engines.interface import Engine, EngineOptions
from visioncli.engines.onnx import OnnxEngine, open_compiled
from visioncli.errors import UsageError
from visioncli.families.onnx import open_session
from visioncli.models import registry
from visioncli.models.activation_ranges import activation_ranges
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

    def compile_again(
        row: ModelRow, target: Path | None = None, tell: object = None, precision: str = "fp32"
    ) -> Path:
        from visioncli.files import write_whole

        write_whole(target or compiled_file(row, precision), good)
        return target or compiled_file(row, precision)

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


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_predicting_imports_neither_torch_nor_torchvision(precision: str, int8_units: None) -> None:
    open_engine(row(LITE), EngineOptions("cpu", precision="fp32"))
    open_engine(row(LITE), EngineOptions("cpu", precision="int8"))
    program = (
        "import sys; from visioncli import load; "
        f"load('classify', model='{LITE}', precision='{precision}')(sys.argv[1]); "
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


def test_a_u_net_takes_any_picture_whose_sides_are_multiples_of_32(tmp_path: Path) -> None:
    trained = make_run(tmp_path / "run", "unet_lite0", labels=("background", "road"))
    compiled, reference = (open_engine(trained, EngineOptions("cpu", engine=kind)) for kind in ("onnx", "torch"))
    for size in ((64, 96), (224, 32)):
        x = np.random.default_rng(0).uniform(-1, 1, (2, 3, *size)).astype(np.float32)
        (ours,), (theirs,) = compiled.run(x), reference.run(x)
        assert ours.shape == (2, 2, *size)
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def int8(name: str, **options: Any) -> Engine:
    return open_engine(row(name), EngineOptions("cpu", precision="int8", **options))


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_8_bit_network_answers_nearly_as_the_float_one(name: str, int8_units: None) -> None:
    small, whole = int8(name), open_engine(row(name), EngineOptions("cpu", precision="fp32"))
    assert (small.name, small.precision, whole.precision) == ("onnx", "int8", "fp32")
    samples = Path(__file__).resolve().parents[2] / "sample_images"
    for file in ("chelsea.png", "grace_hopper.jpg", "rocket.jpg"):
        batch = network_input(name, Image.open(samples / file).convert("RGB"))[None]
        for ours, theirs in zip(small.run(batch), whole.run(batch), strict=True):
            assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
            assert not np.array_equal(ours, theirs)
            # 0.90 to 0.999 on these pictures; a wrong scale or zero point anywhere leaves nothing of it.
            assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.85


def test_in_8_bits_too_a_picture_gets_the_same_bytes_whatever_its_neighbours(int8_units: None) -> None:
    engine = int8(LITE)
    batch = np.random.default_rng(1).uniform(-1, 1, (5, 3, 224, 224)).astype(np.float32)
    (together,) = engine.run(batch)
    (alone,) = engine.run(batch[3:4])
    assert np.array_equal(together[3:4], alone)


def test_8_bit_deeplab_takes_pictures_of_other_sizes(int8_units: None) -> None:
    (logits,) = int8("deeplab_v3_mobilenet_v2").run(np.zeros((1, 3, 129, 201), np.float32))
    assert logits.shape == (1, 21, 17, 26)


def test_the_8_bit_network_is_kept_beside_the_float_one_whole_and_sealed(int8_units: None) -> None:
    int8(LITE)
    path = compiled_file(row(LITE), "int8")
    assert path.parent == compiled_file(row(LITE)).parent
    assert "int8" in path.name
    assert is_whole(path)
    assert path in compiled_files(row(LITE))
    session = open_session(path)
    facts = session.get_modelmeta().custom_metadata_map
    assert (facts["precision"], facts["weights_sha256"]) == ("int8", row(LITE).source.sha256)


def test_a_damaged_8_bit_network_is_made_again(int8_units: None) -> None:
    int8(LITE)
    path = compiled_file(row(LITE), "int8")
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2])
    assert int8(LITE).precision == "int8"
    assert path.read_bytes() == good


def test_ranges_that_do_not_fit_lead_to_fp32_with_a_word_about_it(
    int8_units: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = activation_ranges(row(LITE))
    assert known is not None
    fewer = dataclasses.replace(known, ranges=dict(list(known.ranges.items())[1:]))
    monkeypatch.setattr("visioncli.engines.compile.activation_ranges", lambda row: fewer)
    said: list[str] = []
    engine = int8(LITE, tell=said.append)
    assert (engine.name, engine.precision) == ("onnx", "fp32")
    assert "ranges do not fit: input. It runs in fp32." in said[-1]
    with pytest.raises(UsageError, match="cannot be computed in int8"):
        compile_model(row(LITE), tmp_path / "small.onnx", precision="int8")
