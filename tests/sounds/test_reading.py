import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from recordings import RATE, tone, write
from visioncli.errors import InputError
from visioncli.sounds import is_recording, open_recording
from visioncli.sounds.kinds import is_sound
from visioncli.sounds.reading import _check_frame


def samples(source: str | bytes | Path, rate: int = RATE, **how: bool) -> np.ndarray:
    recording = open_recording(source if isinstance(source, bytes) else str(source), **how)
    return np.concatenate(list(recording.blocks(rate)))


def kind_of(source: str | bytes | Path, **how: bool) -> str:
    with pytest.raises(InputError) as caught:
        samples(source, **how)
    assert str(caught.value).endswith((".", "'"))
    return str(caught.value.kind)


@pytest.mark.parametrize(
    ("name", "how", "exact"),
    [
        ("a.wav", {}, 1e-4),
        ("a.wav", {"subtype": "PCM_24"}, 1e-6),
        ("a.wav", {"subtype": "PCM_U8"}, 0.02),
        ("a.wav", {"subtype": "DOUBLE"}, 1e-6),
        ("a.flac", {}, 1e-4),
        ("a.aiff", {}, 1e-4),
        ("a.ogg", {"subtype": "VORBIS"}, 0.1),
        ("a.mp3", {}, 0.1),
    ],
)
def test_each_kind_of_file_gives_its_samples(tmp_path: Path, name: str, how: dict[str, str], exact: float) -> None:
    path = write(tmp_path / name, tone(440, 1), **how)
    assert is_sound(path.read_bytes()[:512])
    found = samples(path)
    assert len(found) == RATE
    assert found.dtype == np.float32
    assert np.abs(found - tone(440, 1))[200:-200].max() < exact


def test_bytes_are_read_as_files_are(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", tone(440, 1))
    assert (samples(path.read_bytes()) == samples(path)).all()


def test_channels_are_mixed_by_their_mean(tmp_path: Path) -> None:
    both = np.stack([tone(440, 1), np.zeros(RATE), tone(880, 1)], axis=1)
    assert np.abs(samples(write(tmp_path / "a.wav", both, subtype="FLOAT")) - both.mean(axis=1)).max() < 1e-6


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 192_000])
def test_other_rates_are_resampled_in_place(tmp_path: Path, rate: int) -> None:
    found = samples(write(tmp_path / "a.wav", tone(440, 2, rate), rate, subtype="FLOAT"))
    assert abs(len(found) - 2 * RATE) <= 1
    assert np.abs(found[1000:31_000] - tone(440, 2)[1000:31_000]).max() < 1e-3


def test_floats_beyond_one_are_not_clipped(tmp_path: Path) -> None:
    assert samples(write(tmp_path / "a.wav", 40 * tone(440, 1), subtype="FLOAT")).max() == pytest.approx(20, rel=0.01)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_sample_that_is_no_finite_number_is_named(tmp_path: Path, bad: float) -> None:
    sound = tone(440, 12)
    sound[150_000] = bad
    path = write(tmp_path / "a.wav", sound, subtype="FLOAT")
    with pytest.raises(InputError, match=r"Sample 150000, at 9\.38 s, is no finite number"):
        samples(path)


def test_a_recording_without_samples_is_empty(tmp_path: Path) -> None:
    assert kind_of(write(tmp_path / "a.wav", np.zeros(0))) == "empty_file"
    assert kind_of(b"") == "empty_file"


@pytest.mark.parametrize("name", ["a.wav", "a.aiff", "a.mp3"])
def test_a_file_that_is_cut_off_is_refused_or_taken_as_far_as_it_goes(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, tone(440, 2))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert kind_of(path) == "truncated_recording"
    assert 0.5 * RATE < len(samples(path, allow_truncated=True)) < 1.1 * RATE


def test_a_flac_that_is_cut_off_is_refused_or_taken_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", tone(440, 4))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert kind_of(path) == "unreadable_recording"
    assert 0 < len(samples(path, allow_truncated=True)) < 4 * RATE


def header(path: Path, at: int, value: bytes) -> Path:
    """The file with other bytes in its header."""
    data = bytearray(path.read_bytes())
    data[at : at + len(value)] = value
    path.write_bytes(data)
    return path


def test_a_length_that_a_pipe_could_not_fill_in_is_none(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(440, 1))
    place = path.read_bytes().index(b"data") + 4
    assert len(samples(header(path, place, b"\xff" * 4))) == RATE


@pytest.mark.parametrize("rate", [0, 1, 0xFFFF_FFFF])
def test_a_rate_that_no_recording_has_is_refused(tmp_path: Path, rate: int) -> None:
    path = header(write(tmp_path / "a.wav", tone(440, 1)), 24, struct.pack("<I", rate))
    assert kind_of(path) == "unreadable_recording"


@pytest.mark.parametrize(
    "start", [b"RIFF\0\0\0\0WAVE", b"fLaC", b"OggS\0\2" + b"\1vorbis", b"ID3\4", b"no sound at all"]
)
def test_what_only_begins_like_a_recording_is_refused_with_a_sentence(start: bytes) -> None:
    assert kind_of(start + bytes(range(256)) * 8) == "unreadable_recording"


def test_content_counts_before_a_name(tmp_path: Path) -> None:
    sound = write(tmp_path / "a.wav", tone(440, 0.1)).read_bytes()
    assert is_recording(sound, "photo.jpg")
    assert not is_recording(b"\x89PNG\r\n\x1a\n", "sound.wav")
    assert is_recording(b"damaged", "sound.MP3")
    assert is_recording(b"damaged", "https://host/sound.ogg?token=1")
    assert not is_recording(b"damaged", "notes.txt")
    assert not is_recording(str(tmp_path / "absent.wav"), "absent.wav")


def test_without_the_extra_a_sentence_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.wav", tone(440, 0.1))
    monkeypatch.setitem(sys.modules, "soxr", None)
    with pytest.raises(InputError, match=r"pip install 'visioncli\[sound\]'"):
        samples(path)


@pytest.mark.parametrize(
    ("at", "value"), [(34, 7), (34, 32), (22, 2), (32, 4)], ids=["7 bits", "32", "stereo", "frame"]
)
def test_a_header_that_contradicts_itself_is_refused(tmp_path: Path, at: int, value: int) -> None:
    path = header(write(tmp_path / "a.wav", tone(440, 0.1)), at, value.to_bytes(2, "little"))
    with pytest.raises(InputError, match="Its header contradicts itself"):
        samples(path)


def test_24_bits_in_four_bytes_contradict_nothing() -> None:
    _check_frame(1, 2, 8, 24)
    _check_frame(1, 2, 6, 24)
