"""Whole commands on videos: a record a frame, and a video of what was drawn."""

import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image

from conftest import ROOT, Ended
from moving_pictures import plain, write_video
from visioncli.record_schema import json_schema
from visioncli.videos import reading

Vision = Callable[..., Ended]
Make = Callable[..., list[Path]]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Twelve frames of 64 x 48, with sound."""
    return write_video(tmp_path / "clip.mp4", map(plain, range(12)), tone="aac")


def facts(path: Path) -> dict[str, Any]:
    """What a video holds, as a player sees it."""
    import av

    with av.open(str(path)) as container:
        video = container.streams.video[0]
        frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video)]
        found = {
            "codec": video.codec_context.name,
            "pixels": video.codec_context.pix_fmt,
            "size": (video.width, video.height),
            "times": [time for time, _ in frames],
            "frames": [frame for _, frame in frames],
            "sound": [stream.codec_context.name for stream in container.streams.audio],
        }
    with av.open(str(path)) as container:
        found["seconds of sound"] = sum(
            frame.samples / frame.sample_rate for frame in (container.decode(audio=0) if found["sound"] else ())
        )
    return found


@pytest.mark.parametrize("task", ["classify", "detect", "segment", "pose", "caption", "gradcam", "embed"])
def test_each_task_has_a_record_a_frame(task: str, vision: Vision, clip: Path) -> None:
    ended = vision(task, clip.name, "--every", "4f", "-o", "out", "--json")
    assert ended.status == 0
    assert [r["input"] for r in ended.records] == [f"clip.mp4#frame={n}" for n in (0, 4, 8)]
    assert [(r["frame"], r["time_s"]) for r in ended.records] == [(0, 0.0), (4, 0.16), (8, 0.32)]
    for record in ended.records:
        jsonschema.validate(record, json_schema())
        assert (record["width"], record["height"]) == (64, 48)
    assert ended.records[-1]["extra"]["video"] == {"frames": 3, "damaged": 0}
    if task != "embed":
        assert ended.records[-1]["files"]["annotated"] == f"out/clip.mp4.{task}.mp4"
        assert facts(clip.parent / "out" / f"clip.mp4.{task}.mp4")["times"] == pytest.approx([0, 0.16, 0.32])


def test_answers_are_those_for_the_frames_as_pictures(vision: Vision, tmp_path: Path) -> None:
    picture = Image.open(ROOT / "sample_images/astronaut.png").convert("RGB").resize((320, 320))
    array = np.asarray(picture)
    write_video(tmp_path / "a.mkv", [array, array[:, ::-1]], codec="ffv1", pixels="bgr0")
    Image.fromarray(array).save(tmp_path / "0.png")
    Image.fromarray(array[:, ::-1]).save(tmp_path / "1.png")
    of_video = vision("detect", "a.mkv", "-o", "-").records
    assert [r["predictions"] for r in of_video] == [
        r["predictions"] for r in vision("detect", "0.png", "1.png", "-o", "-").records
    ]
    assert of_video[0]["predictions"]


def test_the_annotated_video_is_one_that_browsers_play(vision: Vision, clip: Path, tmp_path: Path) -> None:
    assert vision("detect", "clip.mp4", "-o", "out").status == 0
    made = tmp_path / "out" / "clip.mp4.detect.mp4"
    found = facts(made)
    assert found["codec"] in ("h264", "vp9", "av1", "libdav1d")
    assert (found["pixels"], found["size"], found["sound"]) == ("yuv420p", (64, 48), ["aac"])
    assert found["times"] == pytest.approx([n / 25 for n in range(12)])
    assert found["seconds of sound"] == pytest.approx(0.48, abs=0.05)
    assert [abs(float(f.mean()) - 30 - 5 * n) < 4 for n, f in enumerate(found["frames"])] == [True] * 12
    content = made.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == [".visionfiles", "clip.mp4.detect.mp4", "predictions.jsonl"]


def test_irregular_times_and_odd_sizes_survive(vision: Vision, tmp_path: Path) -> None:
    times = [0, 3, 4, 20, 21, 90, 91, 130]
    frames = [plain(n, (35, 27)) for n in range(8)]
    write_video(tmp_path / "a.mkv", frames, codec="ffv1", pixels="bgr0", times=times, base=Fraction(1, 100))
    assert vision("detect", "a.mkv", "-o", "out").status == 0
    found = facts(tmp_path / "out" / "a.mkv.detect.mp4")
    assert found["size"] == (36, 28)
    assert found["times"] == pytest.approx([n / 100 for n in times], abs=1e-3)


@pytest.mark.parametrize(("name", "tone", "kept"), [("a.mkv", "libopus", "opus"), ("a.avi", "pcm_s16le", "aac")])
def test_sound_is_copied_or_made_what_browsers_play(
    name: str, tone: str, kept: str, vision: Vision, tmp_path: Path
) -> None:
    write_video(tmp_path / name, map(plain, range(25)), codec="mpeg4", tone=tone)
    assert vision("detect", name, "-o", "out").status == 0
    found = facts(tmp_path / "out" / f"{name}.detect.mp4")
    assert found["sound"][0].endswith(kept)
    assert found["seconds of sound"] == pytest.approx(1, abs=0.06)


def test_a_part_of_a_video_begins_at_its_first_frame(vision: Vision, tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", map(plain, range(40)), tone="aac")
    ended = vision("detect", "a.mp4", "--from", "0.4", "--to", "00:00:01", "-o", "out", "--json")
    assert [r["frame"] for r in ended.records] == list(range(10, 25))
    found = facts(tmp_path / "out" / "a.mp4.detect.mp4")
    assert found["times"] == pytest.approx([n / 25 for n in range(15)])
    assert found["seconds of sound"] == pytest.approx(0.6, abs=0.06)


def test_nothing_between_from_and_to_says_so(vision: Vision, clip: Path) -> None:
    ended = vision("detect", "clip.mp4", "--from", "5", "-o", "out", "--json")
    assert ended.status == 3
    (record,) = ended.records
    assert (record["input"], record["error"]["kind"]) == ("clip.mp4", "empty_file")
    assert "--from" in record["error"]["message"]


def test_videos_stand_among_pictures_in_order(vision: Vision, clip: Path, pictures: Make) -> None:
    pictures(2)
    ended = vision("classify", "photos/000.png", "clip.mp4", "photos/001.png", "--every", "6f", "-o", "out", "--json")
    assert [r["input"] for r in ended.records] == [
        *("photos/000.png", "clip.mp4#frame=0", "clip.mp4#frame=6", "photos/001.png"),
    ]
    for record in ended.records:
        jsonschema.validate(record, json_schema())


def test_a_video_in_an_archive_is_read_there(vision: Vision, clip: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.write(clip, "a/clip.mp4")
    ended = vision("classify", "set.zip", "--every", "6f", "-o", "out", "--json")
    assert [r["input"] for r in ended.records] == [f"set.zip!/a/clip.mp4#frame={n}" for n in (0, 6)]
    assert (tmp_path / "out/set.zip/a/clip.mp4.classify.mp4").is_file()


def test_a_cut_off_video_has_the_frames_before_the_cut_and_then_a_failure(vision: Vision, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = (rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(30))
    path = write_video(tmp_path / "a.mp4", frames, options={"movflags": "+faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    ended = vision("classify", "a.mp4", "-o", "out", "--json")
    assert ended.status == 1
    *good, last = ended.records
    assert [r["frame"] for r in good] == list(range(len(good)))
    assert len(good) > 5
    assert (last["input"], last["error"]["kind"]) == ("a.mp4", "truncated_video")
    assert "frame" not in last
    assert len(facts(tmp_path / "out/a.mp4.classify.mp4")["frames"]) == len(good)
    again = vision("classify", "a.mp4", "-o", "out", "--json", "--resume")
    assert "taken from" not in again.err


def test_damage_is_counted_and_told(vision: Vision, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = (rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(40))
    path = write_video(tmp_path / "a.mkv", frames, g="5", bf="0")
    data = bytearray(path.read_bytes())
    for at in range(len(data) // 3, len(data) // 3 + 3000, 11):
        data[at] ^= 0x5A
    path.write_bytes(data)
    ended = vision("classify", "a.mkv", "-o", "-")
    damaged = [r for r in ended.records if r["error"] is None][-1]["extra"]["video"]["damaged"]
    assert damaged > 0
    assert f"a.mkv: {damaged}" in ended.err


def test_a_whole_video_is_resumed_and_changed_options_make_it_anew(
    vision: Vision, clip: Path, tmp_path: Path
) -> None:
    first = vision("detect", "clip.mp4", "-o", "out", "--json", "--every", "2f")
    again = vision("detect", "clip.mp4", "-o", "out", "--json", "--every", "2f", "--resume")
    assert again.records == first.records
    assert "6 taken from an earlier run" in again.err
    assert "taken" not in vision("detect", "clip.mp4", "-o", "out", "--every", "3f", "--resume").err
    (tmp_path / "out/clip.mp4.detect.mp4").unlink()
    assert "taken" not in vision("detect", "clip.mp4", "-o", "out", "--every", "3f", "--resume").err
    assert (tmp_path / "out/clip.mp4.detect.mp4").is_file()


def test_a_video_of_which_a_killed_run_did_a_part_is_done_again_as_a_whole(
    start_vision: Callable[..., subprocess.Popen[bytes]], vision: Vision, tmp_path: Path
) -> None:
    write_video(tmp_path / "a.mp4", (plain(n % 40) for n in range(4000)))
    running = start_vision(
        "detect", "a.mp4", "-o", "out", "--json", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert running.stdout is not None
    running.stdout.readline()
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not (tmp_path / "out" / "a.mp4.detect.mp4").exists()
    write_video(tmp_path / "b.mp4", (plain(n) for n in range(6)))
    again = vision("detect", "b.mp4", "-o", "out", "--resume")
    assert "taken" not in again.err
    assert len(facts(tmp_path / "out" / "b.mp4.detect.mp4")["frames"]) == 6
    assert not list((tmp_path / "out").glob("**/.vision-*.mp4"))


def test_an_interrupted_video_leaves_no_part_of_itself(
    start_vision: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    write_video(tmp_path / "a.mp4", (plain(n % 40) for n in range(4000)))
    running = start_vision(
        "detect", "a.mp4", "-o", "out", "--json", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert running.stdout is not None
    running.stdout.readline()
    running.send_signal(signal.SIGINT)
    running.stdout.read()
    assert running.wait() == 130
    assert not list((tmp_path / "out").rglob("*.mp4"))
    lines = (tmp_path / "out/predictions.jsonl").read_text().splitlines()
    assert [json.loads(line)["frame"] for line in lines] == list(range(len(lines)))


def test_shards_take_whole_videos_and_merge_again(vision: Vision, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    for n in range(5):
        write_video(tmp_path / "clips" / f"{n}.mp4", map(plain, range(6)))
    whole = vision("classify", "clips", "-o", "whole", "--json", "--every", "2f")
    parts = [
        vision("classify", "clips", "-o", "parts", "--json", "--every", "2f", "--shard", f"{i}/2") for i in (1, 2)
    ]
    inputs = [[r["input"] for r in part.records] for part in parts]
    assert sorted(inputs[0] + inputs[1]) == sorted(r["input"] for r in whole.records)
    assert all(len(one) % 3 == 0 and one for one in inputs)
    ended = vision("merge", "parts", "-o", "merged")
    assert ended.status == 0, ended.err
    merged = [json.loads(line) for line in (tmp_path / "merged/predictions.jsonl").read_text().splitlines()]
    assert [(r["input"], r["predictions"]) for r in merged] == [(r["input"], r["predictions"]) for r in whole.records]
    assert sorted(p.name for p in (tmp_path / "merged").iterdir() if p.suffix == ".mp4") == [
        f"{n}.mp4.classify.mp4" for n in range(5)
    ]


def test_a_camera_runs_until_it_is_interrupted_and_its_video_is_kept(
    vision: Vision, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = ("lavfi", "testsrc=size=64x48:rate=25", "lavfi")
    monkeypatch.setattr(reading, "_CAMERAS", dict.fromkeys(("linux", "darwin", "win32"), camera))
    ended = vision("detect", "camera:0", "--to", "0.4", "-o", "out", "--json")
    assert ended.status == 0
    assert [r["input"] for r in ended.records] == [f"camera:0#frame={n}" for n in range(10)]
    assert len(facts(tmp_path / "out" / "camera-0.detect.mp4")["frames"]) == 10


def test_objects_keep_their_numbers_in_records_and_drawings(vision: Vision, tmp_path: Path) -> None:
    picture = Image.open(ROOT / "sample_images/astronaut.png").convert("RGB")
    frames = [np.asarray(picture.crop((4 * n, 0, 4 * n + 400, 400))) for n in range(10)]
    write_video(tmp_path / "a.mp4", frames)
    ended = vision("detect", "a.mp4", "--track", "-o", "out", "--json", "-c", "person")
    people = [[p["track"] for p in r["predictions"]] for r in ended.records]
    assert people == [[1]] * 10
    plain_run = vision("detect", "a.mp4", "-o", "-", "-c", "person")
    for ours, theirs in zip(ended.records, plain_run.records, strict=True):
        strip = [{k: v for k, v in p.items() if k != "track"} for p in ours["predictions"]]
        assert strip == theirs["predictions"]
    poses = vision("pose", "a.mp4", "--track", "-o", "-", "--every", "3f")
    assert [[p["track"] for p in r["predictions"]] for r in poses.records] == [[1]] * 4


def test_without_pyav_a_video_is_a_failure_with_a_sentence(
    vision: Vision, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    ended = vision("detect", "clip.mp4", "-o", "-")
    assert ended.records[0]["error"]["kind"] == "unreadable_video"
    assert "visioncli[video]" in ended.records[0]["error"]["message"]


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    peaks = []
    for count in (500, 6000):
        write_video(tmp_path / f"{count}.mkv", (plain(n % 40, (16, 16)) for n in range(count)), codec="mpeg4")
        running = subprocess.Popen(
            [sys.executable, "-m", "visioncli", "classify", f"{count}.mkv", "-o", f"out{count}", "--print", "none"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
        assert running.returncode == 0
        with (tmp_path / f"out{count}" / "predictions.jsonl").open() as lines:
            assert sum(1 for _ in lines) == count
        peaks.append(usage.ru_maxrss)
    assert peaks[1] - peaks[0] < 30_000  # KiB
