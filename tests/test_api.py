import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageSequence

from conftest import make_picture
from fakes import MeanColour
from visioncli import api, draw, load
from visioncli.api import Predictor, build_task, run_options
from visioncli.errors import InputError, ModelUnavailable, UsageError, VisionError
from visioncli.results import Record

SAMPLES = Path(__file__).resolve().parents[1] / "sample_images"


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(MeanColour(), run_options())


def test_one_path_gives_one_record(predictor: Predictor, pictures: Callable[..., list[Path]]) -> None:
    (path,) = pictures(1)
    by_path, by_text = predictor(path), predictor(str(path))
    assert isinstance(by_path, Record)
    assert by_path.predictions == by_text.predictions
    assert by_path.input == str(path)


def test_several_give_an_iterator_with_failures_among_them(
    predictor: Predictor, pictures: Callable[..., list[Path]]
) -> None:
    first, second = pictures(2)
    records = list(predictor([first, "missing.png", second]))
    assert [r.ok for r in records] == [True, False, True]


def test_a_generator_is_drawn_as_results_are_taken(predictor: Predictor, pictures: Callable[..., list[Path]]) -> None:
    (path,) = pictures(1)
    endless: Iterator[Path] = iter(lambda: path, None)
    records = predictor(endless)
    assert next(records).ok
    assert next(records).ok


def test_one_path_that_cannot_be_used_raises(predictor: Predictor) -> None:
    with pytest.raises(InputError, match=r"missing\.png: There is no such file") as caught:
        predictor("missing.png")
    assert caught.value.kind == "not_found"
    assert isinstance(caught.value, VisionError)


@pytest.mark.parametrize("size", ["0", "many", "-1", "4097", "", "1.5"])
def test_an_impossible_batch_size_is_wrong_usage(size: str) -> None:
    with pytest.raises(UsageError, match="--batch-size"):
        run_options(size)


def test_automatic_options_are_filled_in() -> None:
    options = run_options()
    assert options.batch_size == api.AUTO_BATCH
    assert 1 <= options.workers <= 8
    assert run_options("3", 5).workers == 5


def test_an_unknown_task_or_model_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="no task 'paint'"):
        build_task("paint")
    with pytest.raises(UsageError, match="Did you mean efficientnet_lite0"):
        load("classify", "eficientnet_lite0")


def test_the_real_network_answers_from_python(pictures: Callable[..., list[Path]]) -> None:
    record = load("classify", top_k=3, threads=1)(pictures(1, size=(300, 200))[0])
    assert record.predictions is not None
    assert len(record.predictions) == 3
    assert record.model is not None
    assert record.model.name == "efficientnet_lite0"


def test_missing_weights_are_model_unavailable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VISION_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelUnavailable, match="pip install"):
        load("classify")


def test_a_picture_is_let_go_before_the_next_one_is_awaited(
    pictures: Callable[..., list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visioncli.runner.reader.BYTES_IN_FLIGHT", 1)
    predictor = Predictor(MeanColour(), run_options(batch_size=1))
    assert len(list(predictor(pictures(3)))) == 3


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan"), float("inf")])
def test_an_impossible_time_limit_is_wrong_usage(seconds: float) -> None:
    with pytest.raises(UsageError, match="--timeout"):
        run_options(timeout=seconds)


TALL = make_picture(5, (30, 50))


def oriented(kind: str) -> io.BytesIO:
    """A file of a picture with a mode, or an orientation, that takes a rule."""
    image, options = TALL, {}
    if kind == "RGBA":
        image = TALL.convert("RGBA")
        image.putalpha(Image.linear_gradient("L").resize(TALL.size))
    elif kind == "I;16":
        image = Image.fromarray(np.asarray(TALL.convert("L")).astype(np.uint16) * 257)
    elif kind == "P":
        image = TALL.quantize(16)
    elif kind == "exif":
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 6
        options = {"exif": exif.tobytes()}
    else:
        image = TALL.convert(kind)
    file = io.BytesIO()
    image.save(file, "TIFF" if kind in ("CMYK", "F") else "PNG", **options)
    return file


@pytest.mark.parametrize("kind", ["L", "1", "RGB", "RGBA", "LA", "P", "I;16", "CMYK", "F", "exif"])
def test_an_image_in_memory_is_taken_as_its_file_is(predictor: Predictor, kind: str, tmp_path: Path) -> None:
    file = oriented(kind)
    (tmp_path / "file").write_bytes(file.getvalue())
    by_file, by_image = predictor(tmp_path / "file"), predictor(Image.open(file))
    assert by_image.predictions == by_file.predictions
    assert (by_image.width, by_image.height) == (by_file.width, by_file.height)
    assert (by_image.width > by_image.height) == (kind == "exif")
    assert (by_image.input, by_image.key) == ("image 0", None)


def test_what_was_given_stays_as_it_is(predictor: Predictor) -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    TALL.save(file, "JPEG", exif=exif.tobytes())
    image = Image.open(file)
    predictor(image)
    assert image.size == TALL.size
    assert image.getexif()[ExifTags.Base.Orientation] == 6
    array = np.asarray(TALL).copy()
    predictor(array)
    assert np.array_equal(array, np.asarray(TALL))


def test_an_array_is_an_image(predictor: Predictor) -> None:
    array = np.asarray(TALL)
    record = predictor(array)
    assert record.input == "array 0"
    assert (record.width, record.height) == TALL.size
    assert record.predictions == predictor(TALL).predictions
    assert predictor(array[::-1, ::-1]).predictions == record.predictions  # of any strides


def test_pictures_of_all_kinds_go_together(predictor: Predictor, pictures: Callable[..., list[Path]]) -> None:
    (path,) = pictures(1)
    records = list(predictor([path, TALL, "missing.png", np.asarray(TALL), Image.new("RGB", (0, 5))]))
    assert [r.input for r in records] == [str(path), "image 1", "missing.png", "array 3", "image 4"]
    assert [r.ok for r in records] == [True, True, False, True, False]
    assert records[4].error is not None
    assert "no pixels" in records[4].error.message


def test_frames_of_one_image_and_one_array_are_taken_one_by_one(predictor: Predictor) -> None:
    file = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    best = [r.predictions[0].label for r in predictor(ImageSequence.Iterator(Image.open(file)))]
    assert best == ["red", "green", "blue"]

    def reused() -> Iterator[np.ndarray]:
        array = np.zeros((8, 8, 3), np.uint8)
        for channel in range(3):
            array[:] = 0
            array[..., channel] = 255
            yield array

    assert [r.predictions[0].label for r in predictor(reused())] == ["red", "green", "blue"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"\x89PNG", r"of type bytes.*PIL\.Image\.open\(io\.BytesIO"),
        (io.BytesIO(b"\x89PNG"), r"of type BytesIO.*PIL\.Image\.open\(file\)"),
        (None, "of type NoneType"),
        (3, "of type int"),
        ({"a.png": 1}, "of type dict"),
        (np.zeros((4, 4), np.uint8), r"array is 4 x 4, uint8.*PIL\.Image\.fromarray"),
        (np.zeros((4, 4, 4), np.uint8), "array is 4 x 4 x 4, uint8"),
        (np.zeros((4, 4, 3), np.float32), "array is 4 x 4 x 3, float32"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"list\(array\)"),
        (["a.png", b"\x89PNG"], "of type bytes"),
        ([["a.png"]], "of type list"),
    ],
)
def test_what_is_no_picture_is_a_type_error_before_anything_is_done(
    predictor: Predictor, value: Any, words: str
) -> None:
    with pytest.raises(TypeError, match=rf"A picture is a path.*\(H, W, 3\) uint8.*RGB.*{words}"):
        predictor(value)


def test_a_tensor_is_no_picture(predictor: Predictor) -> None:
    import torch

    with pytest.raises(TypeError, match="of type Tensor"):
        predictor(torch.zeros(3, 4, 4))


def test_a_picture_in_memory_has_the_limits_of_a_file() -> None:
    with pytest.raises(InputError, match="image 0: The picture has 50 x 50"):
        Predictor(MeanColour(), run_options(max_pixels=2000))(Image.new("RGB", (50, 50)))


def test_many_pictures_in_memory_wait_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visioncli.runner.reader.BYTES_IN_FLIGHT", 1)
    assert len(list(Predictor(MeanColour(), run_options())([TALL] * 20))) == 20


@pytest.mark.parametrize("task", ["classify", "detect", "segment", "pose", "caption"])
def test_a_record_is_drawn_as_the_command_draws_it(task: str, tmp_path: Path, vision: Callable[..., Any]) -> None:
    shutil.copy(SAMPLES / "chelsea.png", tmp_path / "a.png")
    vision(task, "a.png", "-o", "out", "--annotated", "png", "-q", "--exact-decode")
    theirs = np.asarray(Image.open(tmp_path / "out" / f"a.png.{task}.png"))
    line = (tmp_path / "out" / "predictions.jsonl").read_text()
    for image in (tmp_path / "a.png", Image.open(tmp_path / "a.png")):
        assert np.array_equal(draw(Record.from_json(json.loads(line)), image), theirs)


def test_a_drawing_is_had_at_once_also_where_the_record_does_not_hold_it() -> None:
    image = make_picture(1, (60, 50))
    heat = load("gradcam").drawn(image, opacity=1.0)
    assert heat.mode == "RGB"
    assert heat.width >= 60
    predictor = load("classify", model="efficientnet_lite0", top_k=1)
    assert predictor.drawn(image).tobytes() == draw(predictor(image), image).tobytes()
    with pytest.raises(InputError, match=r"nowhere\.jpg"):
        predictor.drawn("nowhere.jpg")


def test_what_cannot_be_drawn_is_said(predictor: Predictor) -> None:
    record = predictor(TALL)
    with pytest.raises(UsageError, match="of a picture of 30 x 50 pixels, this one has 8 x 8"):
        draw(record, Image.new("RGB", (8, 8)))
    with pytest.raises(UsageError, match=r"missing\.png failed"):
        draw(next(predictor(["missing.png"])), TALL)
    with pytest.raises(UsageError, match="`vision gradcam` draws them"):
        draw(Record("gradcam", "a.png", 30, 50, predictions=()), TALL)


def test_importing_the_package_imports_neither_numpy_nor_pillow() -> None:
    program = "import sys, visioncli; print(sorted({'numpy', 'PIL', 'torch', 'pycocotools'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    pytest.importorskip("av")
    from moving_pictures import plain, write_video

    return write_video(tmp_path / "clip.mp4", (plain(n) for n in range(10)))


def named_detect(predictor: Predictor) -> Predictor:
    predictor.task.name = "detect"
    return predictor


def test_a_video_gives_a_record_for_each_of_its_frames(predictor: Predictor, clip: Path) -> None:
    records = list(named_detect(predictor)(clip))  # type: ignore[call-overload]  # a path may be a video
    assert [(r.frame, r.time_s) for r in records] == [(n, pytest.approx(n / 25)) for n in range(10)]
    assert records[3].input == f"{clip}#frame=3"


def test_frames_of_a_video_are_chosen_as_on_the_command_line(predictor: Predictor, clip: Path) -> None:
    frames = named_detect(predictor).frames
    assert [r.frame for r in frames(clip, every="3f")] == [0, 3, 6, 9]
    assert [r.frame for r in frames(str(clip), every="0.1s", start="0.1", end="0.3")] == [3, 5]
    with pytest.raises(UsageError, match="--every takes seconds or frames"):
        frames(clip, every="often")


def test_videos_may_stand_among_pictures(
    predictor: Predictor, clip: Path, pictures: Callable[..., list[Path]]
) -> None:
    (path,) = pictures(1)
    records = list(named_detect(predictor)([path, clip, "missing.mp4"]))
    assert [r.frame for r in records] == [None, *range(10), None]
    assert [r.ok for r in records] == [True] * 11 + [False]


def test_a_task_that_takes_no_videos_says_so(predictor: Predictor, clip: Path) -> None:
    predictor.task.name = "spectrogram"
    with pytest.raises(UsageError, match=r"spectrogram takes no videos\. Those that do: caption, classify"):
        predictor.frames(clip)
