import io
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from visioncli import pictures
from visioncli.errors import InputError, UnreadablePicture
from visioncli.pictures import read, reading
from visioncli.pictures.patience import Patience

RAMP = np.arange(0, 65536, 257 * 15, dtype=np.uint16)[:16].reshape(4, 4)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> io.BytesIO:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    stream.seek(0)
    return stream


def colour(mode: str, value: Any, size: tuple[int, int] = (4, 3)) -> Image.Image:
    return Image.new(mode, size, value)


def corners(rgb: np.ndarray) -> list[int]:
    return [int(rgb[y, x, 0]) for y, x in ((0, 0), (0, -1), (-1, 0), (-1, -1))]


def decode(stream: io.BytesIO, **options: Any) -> np.ndarray:
    image = pictures.decode(stream, **options)
    assert image.mode == "RGB"
    return np.asarray(image)


def failure(stream: io.BytesIO, **options: Any) -> UnreadablePicture:
    with pytest.raises(UnreadablePicture) as caught:
        decode(stream, **options)
    return caught.value


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, [10, 20, 30, 40]),
        (2, [20, 10, 40, 30]),
        (3, [40, 30, 20, 10]),
        (4, [30, 40, 10, 20]),
        (5, [10, 30, 20, 40]),
        (6, [30, 10, 40, 20]),
        (7, [40, 20, 30, 10]),
        (8, [20, 40, 10, 30]),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_exif_orientation_is_applied(orientation: int, expected: list[int], kind: str) -> None:
    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels[0, 0], pixels[0, -1], pixels[-1, 0], pixels[-1, -1] = 10, 20, 30, 40
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb = decode(encoded(Image.fromarray(pixels), kind, exif=exif))
    assert corners(rgb) == expected
    assert rgb.shape == ((2, 3, 3) if orientation < 5 else (3, 2, 3))


@pytest.mark.parametrize(
    "block", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x09"]
)
def test_a_broken_exif_block_does_not_cost_the_picture(block: bytes) -> None:
    rgb = decode(encoded(colour("RGB", (9, 9, 9)), "JPEG", exif=block))
    assert rgb.shape == (3, 4, 3)


def test_an_unknown_orientation_leaves_the_picture_as_it_is() -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    assert decode(encoded(colour("RGB", "red"), "PNG", exif=exif)).shape == (3, 4, 3)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_samples_are_divided_by_257(kind: str) -> None:
    rgb = decode(encoded(Image.fromarray(RAMP), kind))
    np.testing.assert_array_equal(rgb[..., 0], np.rint(RAMP / 257))
    assert rgb.max() == 225


def test_a_dark_16_bit_picture_stays_dark() -> None:
    rgb = decode(encoded(Image.fromarray(np.full((2, 2), 514, np.uint16))))
    assert (rgb == 2).all()


def test_a_16_bit_pgm_is_divided_by_257() -> None:
    rgb = decode(io.BytesIO(b"P5 2 1 65535\n\x00\x00\x80\x80"))
    assert rgb[0, :, 0].tolist() == [0, 128]


def test_32_bit_integers_are_stretched_not_clipped() -> None:
    values = np.array([[-1000, 0], [1000, 3000]], np.int32)
    rgb = decode(encoded(Image.fromarray(values), "TIFF"))
    assert rgb[..., 0].tolist() == [[0, 64], [128, 255]]


def test_floats_from_0_to_1_are_multiplied_by_255() -> None:
    rgb = decode(encoded(Image.fromarray(np.array([[0.2, 0.5]], np.float32)), "TIFF"))
    assert rgb[0, :, 0].tolist() == [51, 128]


def test_other_floats_are_stretched_and_what_is_not_finite_becomes_black() -> None:
    values = np.array([[-2.0, 8.0, 3.0, np.nan, np.inf]], np.float32)
    rgb = decode(encoded(Image.fromarray(values), "TIFF"))
    assert rgb[0, :, 0].tolist() == [0, 255, 128, 0, 0]


def test_floats_without_any_finite_value_are_black() -> None:
    assert decode(encoded(Image.fromarray(np.full((2, 2), np.nan, np.float32)), "TIFF")).max() == 0


def test_a_flat_float_picture_does_not_divide_by_zero() -> None:
    assert decode(encoded(Image.fromarray(np.full((2, 2), 7.0, np.float32)), "TIFF")).shape == (2, 2, 3)


def test_cmyk_is_converted() -> None:
    red, green, blue = decode(encoded(colour("CMYK", (0, 255, 255, 0)), "TIFF"))[0, 0]
    assert (red, green, blue) == (255, 0, 0)


def test_lab_is_converted() -> None:
    grey = ImageCms.profileToProfile(
        colour("RGB", (200, 30, 30)), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert grey is not None
    rgb = decode(encoded(grey, "TIFF"))
    assert np.abs(rgb[0, 0].astype(int) - (200, 30, 30)).max() < 6


def test_ycbcr_is_converted() -> None:
    rgb = decode(encoded(colour("RGB", (200, 30, 30)).convert("YCbCr"), "TIFF"))
    assert np.abs(rgb[0, 0].astype(int) - (200, 30, 30)).max() < 4


def test_a_palette_with_transparency_is_laid_on_white() -> None:
    image = colour("P", 0, (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    rgb = decode(encoded(image, transparency=0))
    assert rgb[0].tolist() == [[255, 255, 255], [0, 0, 255]]


def test_a_transparent_colour_of_an_rgb_file_is_laid_on_white() -> None:
    image = colour("RGB", (1, 2, 3), (2, 1))
    image.putpixel((1, 0), (9, 9, 9))
    assert decode(encoded(image, transparency=(1, 2, 3)))[0].tolist() == [[255, 255, 255], [9, 9, 9]]


def test_alpha_is_laid_on_white() -> None:
    assert decode(encoded(colour("RGBA", (255, 0, 0, 0))))[0, 0].tolist() == [255, 255, 255]
    assert decode(encoded(colour("RGBA", (255, 0, 0, 255))))[0, 0].tolist() == [255, 0, 0]
    assert decode(encoded(colour("LA", (0, 128))))[0, 0].tolist() == [127, 127, 127]


def test_1_bit_and_grey_become_three_channels() -> None:
    assert decode(encoded(colour("1", 1)))[0, 0].tolist() == [255, 255, 255]
    assert decode(encoded(colour("L", 77)))[0, 0].tolist() == [77, 77, 77]


def test_an_animated_file_gives_its_first_frame() -> None:
    stream = encoded(colour("RGB", "red"), "GIF", save_all=True, append_images=[colour("RGB", "blue")])
    assert decode(stream)[0, 0].tolist() == [255, 0, 0]


def test_a_picture_over_the_pixel_limit_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: Image.Image) -> None:
        raise AssertionError("decoded")

    stream = encoded(colour("L", 0, (100, 50)))
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)
    for limit in (4999, 2000, 10):
        problem = failure(stream, max_pixels=limit)
        assert problem.kind == "too_large"
        assert "--max-pixels" in str(problem)


def test_the_pixel_limit_can_be_raised_above_pillows_own() -> None:
    stream = encoded(colour("1", 0, (20_000, 9_500)))
    assert failure(stream).kind == "too_large"
    seen: list[int] = []

    def admit(pixels: int) -> None:
        seen.append(pixels)
        raise InputError("stop", "That was enough.")

    with pytest.raises(InputError, match="enough"):
        decode(stream, max_pixels=200_000_000, admit=admit)
    assert 190_000_000 * 5 < seen[0] < 190_000_000 * 5.01


def test_admit_is_asked_with_the_bytes_that_decoding_takes() -> None:
    seen: list[int] = []
    decode(encoded(colour("L", 0, (400, 300))), admit=seen.append)
    decode(encoded(colour("RGB", 0, (400, 300)), "JPEG"), admit=seen.append)
    assert [round(size / (400 * 300), 1) for size in seen] == [5.0, 4.0]


@pytest.mark.parametrize(("kind", "size"), [("PNG", (1, 500_000)), ("PNG", (500_000, 1)), ("WEBP", (16_000, 2_000))])
def test_a_picture_that_would_fill_the_memory_is_refused_before_it_is_decoded(
    kind: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = encoded(colour("RGB", 0, size), kind)
    problem = failure(stream, max_pixels=32_000_000)
    assert problem.kind == "too_large"
    assert "GB of memory" in str(problem)
    assert "--max-pixels" in str(problem)


def test_a_picture_without_enough_memory_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: Image.Image) -> None:
        raise MemoryError

    stream = encoded(colour("L", 0))
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)
    assert failure(stream).kind == "too_large"


def test_no_program_is_run_for_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*command: object, **options: object) -> None:
        raise AssertionError("a program was run")

    monkeypatch.setattr("subprocess.check_call", run)
    monkeypatch.setattr("subprocess.Popen", run)
    problem = failure(encoded(colour("RGB", "red", (40, 30)), "EPS"))
    assert str(problem) == "This is EPS: a program that draws, not a picture. Convert it to PNG."


def test_a_jpeg_of_endless_scans_is_given_up_while_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encoded(colour("L", 128, (64, 64)), "JPEG", progressive=True).getvalue()
    scans = data.index(b"\xff\xda")
    first, *others = data[scans:-2].split(b"\xff\xda")[1:]
    scan = b"\xff\xda" + min(others, key=len)
    path = tmp_path / "scans.jpg"
    path.write_bytes(data[:scans] + b"\xff\xda" + first + scan * 20_000 + b"\xff\xd9")
    assert pictures.read(str(path)).width == 64
    patience, asked = Patience(10), 0

    def left(self: Patience) -> float:
        nonlocal asked
        asked += 1
        return 60.0 - asked

    monkeypatch.setattr(Patience, "left", property(left))
    patience.start()
    with pytest.raises(InputError, match="--timeout") as caught:
        pictures.read(str(path), patience=patience)
    assert caught.value.kind == "timed_out"
    assert asked < 70


def test_a_pipe_that_trickles_is_given_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    ended = threading.Event()

    def trickle() -> None:
        with suppress(BrokenPipeError), open(tmp_path / "pipe", "wb", buffering=0) as pipe:
            while not ended.wait(0.01):
                pipe.write(b"P")

    writer = threading.Thread(target=trickle)
    writer.start()
    patience = Patience(0.1)
    patience.start()
    with pytest.raises(InputError) as caught:
        pictures.read(str(tmp_path / "pipe"), patience=patience)
    ended.set()
    writer.join()
    assert caught.value.kind == "timed_out"


def test_a_truncated_file_is_refused_unless_allowed() -> None:
    whole = encoded(Image.effect_noise((64, 64), 50).convert("RGB"), "JPEG").getvalue()
    cut = whole[: len(whole) * 2 // 3]
    problem = failure(io.BytesIO(cut))
    assert problem.kind == "truncated_picture"
    assert "--allow-truncated" in str(problem)
    assert decode(io.BytesIO(cut), allow_truncated=True).shape == (64, 64, 3)
    assert failure(io.BytesIO(cut)).kind == "truncated_picture"


@pytest.mark.parametrize(
    "raised", [KeyError("x"), SyntaxError("x"), MemoryError(), RecursionError("x"), ValueError()]
)
def test_whatever_a_decoder_raises_becomes_a_sentence(raised: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: Image.Image) -> None:
        raise raised

    stream = encoded(colour("L", 0))
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)
    message = str(failure(stream))
    assert message.endswith(".")
    assert "\n" not in message


def test_bytes_that_are_no_picture_are_unreadable() -> None:
    assert failure(io.BytesIO(b"hello")).kind == "unreadable_picture"
    assert failure(io.BytesIO(b"")).kind == "empty_file"


def kind_of(path: str | Path) -> str:
    with pytest.raises(InputError) as caught:
        read(os.fspath(path))
    assert str(caught.value).endswith(".")
    return caught.value.kind


def test_paths_that_are_no_files_fail_with_their_kind(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert kind_of(tmp_path / "missing.png") == "not_found"
    assert kind_of(tmp_path / "loop") == "not_found"
    assert kind_of(tmp_path / ("x" * 300)) == "not_found"
    assert kind_of(tmp_path) == "not_a_file"
    assert kind_of("/dev/null") == "not_a_file"


def test_a_file_without_permission_is_permission_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, patience: Patience) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(reading, "_open_file", refuse)
    assert kind_of(tmp_path / "secret.png") == "permission_denied"


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    data = encoded(colour("L", 5)).getvalue()
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(data,))
    writer.start()
    assert read(str(tmp_path / "pipe")).rgb.shape == (3, 4, 3)
    writer.join()


def test_a_pipe_that_nobody_writes_to_does_not_block_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(reading, "PIPE_SECONDS", 0.05)
    assert kind_of(tmp_path / "pipe") == "read_failed"


def test_a_pipe_without_end_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(reading, "MAX_PIPE_BYTES", 10)
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"x" * 11,))
    writer.start()
    assert kind_of(tmp_path / "pipe") == "too_large"
    writer.join()


def test_reading_leaves_no_file_open_and_says_how_long_it_took(tmp_path: Path) -> None:
    colour("RGB", "red", (7, 5)).save(tmp_path / "a.png")
    before = len(os.listdir("/dev/fd"))
    picture = read(str(tmp_path / "a.png"))
    assert (picture.width, picture.height) == (7, 5)
    assert picture.rgb.dtype == np.uint8
    assert picture.decode_ms > 0
    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_jpeg_is_decoded_smaller_where_that_is_enough(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "large.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (1001, 803), "olive").save(path, exif=exif)
    whole = pictures.read(str(path))
    smaller = pictures.read(str(path), enough=200)
    assert (smaller.width, smaller.height) == (whole.width, whole.height)
    assert smaller.rgb.shape[:2] == ((201, 251) if orientation == 1 else (251, 201))
    assert np.abs(smaller.rgb.mean((0, 1)) - whole.rgb.mean((0, 1))).max() < 1


def test_a_picture_that_is_small_enough_or_no_jpeg_is_decoded_whole(tmp_path: Path) -> None:
    for name in ("small.jpg", "large.png"):
        Image.new("RGB", (300, 300) if name == "small.jpg" else (900, 900)).save(tmp_path / name)
        picture = pictures.read(str(tmp_path / name), enough=200)
        assert picture.full_size is None
        assert picture.rgb.shape[0] == picture.height
