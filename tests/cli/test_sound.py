"""`vision classify` and `vision spectrogram` on recordings, as whole commands."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from conftest import Ended
from recordings import ROW, Ears, tone, write
from run_folders import row_of, seeded
from visioncli.record_schema import json_schema
from visioncli.weights.runs import write_model

Vision = Callable[..., Ended]


@pytest.fixture
def ears(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network of sound is one that costs nothing."""
    from visioncli.models import registry
    from visioncli.models.row import LocalFile

    row = dataclasses.replace(ROW, source=LocalFile("ears", "0" * 64))
    monkeypatch.setattr(registry, "ROWS", (*registry.ROWS, row))
    monkeypatch.setitem(registry.FOR_SOUND, "classify", "ears")
    usual = __import__("visioncli.engines", fromlist=["open_engine"]).open_engine
    monkeypatch.setattr(
        "visioncli.engines.open_engine", lambda row, options=None: Ears() if row.sound else usual(row, options)
    )


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """A folder with a low and a high tone, and a picture."""
    write(tmp_path / "sounds" / "high.flac", tone(6000, 3))
    write(tmp_path / "sounds" / "low.wav", tone(250, 3))
    Image.new("RGB", (60, 50), "red").save(tmp_path / "sounds" / "red.png")
    return tmp_path / "sounds"


@pytest.mark.usefixtures("ears")
def test_pictures_and_recordings_in_one_folder_go_to_their_own_networks(vision: Vision, sounds: Path) -> None:
    ended = vision("classify", sounds, "-o", "out", "--json")
    assert ended.status == 0
    assert [r["model"]["name"] for r in ended.records] == ["ears", "ears", "efficientnet_lite0"]
    assert [r["predictions"][0]["label"] for r in ended.records[:2]] == ["high", "low"]
    assert [r.get("seconds") for r in ended.records] == [3, 3, None]
    for record in ended.records:
        jsonschema.validate(record, json_schema())
        with Image.open(record["files"]["annotated"]) as drawn:
            assert drawn.width >= 320


@pytest.mark.usefixtures("ears")
def test_windows_are_in_the_record_and_in_the_schema(vision: Vision, sounds: Path) -> None:
    ended = vision("classify", sounds / "low.wav", "--windows", "-o", "-")
    (record,) = ended.records
    jsonschema.validate(record, json_schema())
    assert [w["start_s"] for w in record["windows"]] == pytest.approx([0.48 * n for n in range(6)])
    assert record["windows"][-1]["end_s"] == 3
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(record | {"width": 3}, json_schema())


@pytest.mark.usefixtures("ears")
def test_a_run_is_resumed(vision: Vision, sounds: Path) -> None:
    vision("classify", sounds, "-o", "out", "-q")
    ended = vision("classify", sounds, "-o", "out", "--resume", "--json")
    assert "3 taken from an earlier run" in ended.err
    assert [r.get("rate") for r in ended.records] == [16_000, 16_000, None]


@pytest.mark.usefixtures("ears")
def test_a_named_network_answers_for_its_own_kind(vision: Vision, sounds: Path) -> None:
    heard = vision("classify", sounds, "--model", "ears", "-o", "-").records
    assert [r["error"] and r["error"]["kind"] for r in heard] == [None, None, "other_medium"]
    assert "ears listens to recordings" in heard[2]["error"]["message"]
    seen = vision("classify", sounds, "--model", "efficientnet_lite0", "-o", "-").records
    assert [bool(r["error"]) for r in seen] == [True, True, False]
    assert "with --model yamnet" in seen[0]["error"]["message"]


def test_a_network_of_ones_own_listens(vision: Vision, sounds: Path, tmp_path: Path) -> None:
    row = dataclasses.replace(row_of(), sound=ROW.sound)
    write_model(tmp_path / "run", row, seeded(row).state_dict(), {})
    heard = vision("classify", sounds, "--model", "run", "-o", "-").records
    assert [r["error"] and r["error"]["kind"] for r in heard] == [None, None, "other_medium"]
    assert {p["label"] for p in heard[0]["predictions"]} == {"ants", "bees", "wasps"}
    assert sum(p["score"] for p in heard[0]["predictions"]) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("classify", "a.wav", "--model", "yamnet,efficientnet_lite0"), "answers alone"),
        (("classify", "a.png", "--model", "efficientnet_lite0", "--windows"), "--windows is for recordings"),
        (("embed", "a.wav", "--model", "yamnet"), "yamnet gives scores of its classes and no features"),
        (("bench", "yamnet"), "vision bench measures networks of pictures"),
        (("spectrogram", "a.wav", "--model", "resnet18"), "has no recipe for recordings"),
        (("spectrogram", "a.wav", "--model", "yamnet", "--mels", "80"), "has a recipe of its own"),
        (("spectrogram", "a.wav", "--max-hz", "99999"), "No spectrogram can be made so"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(vision: Vision, args: tuple[str, ...], words: str) -> None:
    ended = vision(*args)
    assert ended.status == 2
    assert words in ended.err


def test_without_the_weights_it_says_how_to_get_them(vision: Vision, sounds: Path, own_cache: Path) -> None:
    ended = vision("classify", sounds / "low.wav", "--offline")
    assert ended.status == 4
    assert "vision models pull yamnet" in ended.err


def test_spectrograms_are_drawn(vision: Vision, sounds: Path) -> None:
    ended = vision("spectrogram", sounds, "-o", "out", "--json")
    assert ended.status == 1
    high, low, picture = ended.records
    assert picture["error"]["message"] == "This is a picture; vision spectrogram is for recordings."
    for record, hertz in ((high, 6000), (low, 250)):
        jsonschema.validate(record, json_schema())
        (found,) = record["predictions"]
        assert abs(found["peak_hz"] - hertz) < 0.03 * hertz + 10
        with Image.open(record["files"]["annotated"]) as drawn:
            assert drawn.format == "PNG"


def test_a_plain_spectrogram_is_what_the_network_looks_at(vision: Vision, sounds: Path) -> None:
    from visioncli.sounds import open_recording
    from visioncli.sounds.spectrogram import pieces

    ended = vision("spectrogram", sounds / "low.wav", "-o", "out", "--plain", "--model", "yamnet", "--json")
    (record,) = ended.records
    assert ROW.sound is not None
    expected = np.concatenate(list(pieces(open_recording(str(sounds / "low.wav")), ROW.sound)))
    with Image.open(record["files"]["annotated"]) as drawn:
        found = np.asarray(drawn)
    frames = record["predictions"][0]["frames"]
    assert found.shape == (64, frames)
    assert (found == expected[:frames].T[::-1]).all()


def test_commas_and_columns_of_its_table(vision: Vision, sounds: Path) -> None:
    ended = vision("spectrogram", sounds / "low.wav", "-o", "-", "-f", "csv")
    head, row = ended.out.decode().splitlines()
    assert head.startswith("input,frames,bands,hop_s")
    assert row.count(",") == head.count(",")


def test_help_and_listing_load_no_library_of_sound(vision_process: Callable[..., Ended]) -> None:
    for args in (("classify", "--help"), ("spectrogram", "--help"), ("models", "--json")):
        ended = vision_process(*args, env={"PYTHONPROFILEIMPORTTIME": "1"})
        assert ended.status == 0
        assert not {"soundfile", "soxr", "numpy"} & {
            line.rpartition("|")[2].strip() for line in ended.err.splitlines()
        }
    assert json.loads(ended.out.splitlines()[0])["name"]
