"""When, and at what pitch, the evidence in a recording lies."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import tones
from visioncli.errors import UsageError
from visioncli.inputs.sources import Item
from visioncli.models import registry
from visioncli.networks.log_mel_cnn import build as build_network
from visioncli.render.heat import draw
from visioncli.runner import RunOptions, run
from visioncli.sounds.pictures import as_picture
from visioncli.tasks.gradcam.sound import SoundCam
from visioncli.training.classes.sounds.prepare import recipe_for

pytest.importorskip("soundfile")
pytest.importorskip("soxr")
pytest.importorskip("torchcam")


@pytest.fixture
def cam() -> SoundCam:
    """A network whose first of two classes is how strong a spectrogram is: the map follows the sound."""
    from dataclasses import replace

    row = replace(
        registry.find("log_mel_cnn", "classify"),
        architecture="log_mel_cnn:small:2",
        labels=((0, "sound"), (1, "silence")),
        sound=recipe_for([8000], np.array([0.8])),
    )
    network = build_network("small", "2").eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 4:  # each point goes on as it is, what is quiet is lost at the first ReLU
                parameter.zero_()
                parameter[:, 0, 1, 1] = 1.0
        network.head.weight[0], network.head.weight[1] = 1.0, 0.0
    settings: dict[str, object] = {}
    return SoundCam(row, network, method="gradcam", layer="auto", target="top-1", seed=0, settings=settings)


def explained(cam: SoundCam, path: Path) -> tuple[object, dict[str, np.ndarray]]:
    (outcome,) = run([Item(str(path), path.name)], cam, RunOptions(workers=1))
    assert outcome.record.error is None, outcome.record.error
    return outcome.record, outcome.arrays


@pytest.mark.parametrize(("start", "hertz"), [(0.4, 500.0), (2.4, 2500.0)])
def test_the_evidence_lies_where_the_sound_is(cam: SoundCam, tmp_path: Path, start: float, hertz: float) -> None:
    samples = np.zeros(4 * tones.RATE, np.float32)
    at = round(start * tones.RATE)
    samples[at : at + 2400] = tones.tone(hertz, 0.3, noise=0)
    record, arrays = explained(cam, tones.write(tmp_path / "a.wav", samples))
    (found,) = record.extra["evidence"]  # type: ignore[attr-defined]
    assert found["label"] == "sound"
    assert found["from_s"] - 0.15 < start + 0.15 < found["to_s"] + 0.15
    assert found["lowest_hz"] * 0.7 < hertz < found["highest_hz"] * 1.4
    assert record.extra["pitches"] == {"lowest_hz": 50.0, "highest_hz": 4000.0, "scale": "htk"}  # type: ignore[attr-defined]
    assert arrays["map_0"].shape == arrays["spectrogram"].shape[::-1]
    assert arrays["map_0"].max() == pytest.approx(1)


def test_it_is_drawn_over_the_spectrogram_with_axes(cam: SoundCam, tmp_path: Path) -> None:
    record, arrays = explained(cam, tones.write(tmp_path / "a.wav", tones.tone(700, 1.0)))
    image = as_picture(arrays["spectrogram"])
    drawn = draw(image, record, arrays)  # type: ignore[arg-type]
    assert drawn.width > 640
    assert drawn.height > 256
    plain = np.asarray(draw(image, record, arrays, opacity=0.0))  # type: ignore[arg-type]
    assert (np.asarray(drawn) != plain).any()
    assert isinstance(drawn, Image.Image)


def test_a_recording_that_is_too_long_is_refused_with_a_way_out(
    cam: SoundCam, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visioncli.tasks.gradcam.sound.MOST_WINDOWS", 3)
    path = tones.write(tmp_path / "a.wav", tones.tone(700, 4.0))
    (outcome,) = run([Item(str(path), path.name)], cam, RunOptions(workers=1))
    assert outcome.record.error is not None
    assert "--windows" in outcome.record.error.message


def test_a_picture_is_refused(cam: SoundCam, tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    (outcome,) = run([Item(str(tmp_path / "a.png"), "a.png")], cam, RunOptions(workers=1))
    assert outcome.record.error is not None
    assert "picture" in outcome.record.error.message


def test_yamnet_has_no_gradients_to_explain_it_by() -> None:
    from visioncli.resolve import describe

    with pytest.raises(UsageError):
        describe("yamnet", "gradcam")
