from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moving_pictures import number_of, plain
from visioncli.errors import OutputError
from visioncli.inputs.item import Item
from visioncli.videos import writing
from visioncli.videos.frames import Clip
from visioncli.videos.reading import open_video
from visioncli.videos.writing import VideoWriter, even


def written(path: Path, sizes: list[tuple[int, int]]) -> list[tuple[Fraction, np.ndarray]]:
    """A video of pictures of these sizes, read again."""
    writer = VideoWriter(path, Clip(Item("a", "a"), b"", None, live=True), Image.fromarray(plain(0, sizes[0])))
    for n, size in enumerate(sizes):
        writer.write(Image.fromarray(plain(n, size)), Fraction(n, 25), Fraction(1, 25))
    writer.close()
    video = open_video(str(path))
    found = [(shown.at, shown.image.to_ndarray(format="rgb24")) for shown in video.frames()]
    video.close()
    return found


@pytest.mark.parametrize("name", writing.ENCODERS)
def test_each_encoder_of_this_build_makes_a_video(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from av.codec import Codec

    try:
        Codec(name, "w")
    except ValueError:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(writing, "ENCODERS", {name: {}})
            with pytest.raises(OutputError, match="--annotated none"):
                writing.encoder()
        return
    monkeypatch.setattr(writing, "ENCODERS", {name: writing.ENCODERS[name]})
    found = written(tmp_path / "a.mp4", [(128, 96)] * 10)
    assert [number_of(frame) for _, frame in found] == list(range(10))
    assert [float(at) for at, _ in found] == pytest.approx([n / 25 for n in range(10)], abs=1e-3)


def test_h264_comes_first_then_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    assert writing.encoder() in ("libx264", "libopenh264", "libvpx-vp9", "libsvtav1", "libaom-av1")
    rest = {name: {} for name in writing.ENCODERS if "264" not in name}
    monkeypatch.setattr(writing, "ENCODERS", rest)
    assert writing.encoder() == "libvpx-vp9"


def test_a_picture_of_another_size_is_fitted_in(tmp_path: Path) -> None:
    found = written(tmp_path / "a.mp4", [(128, 96), (256, 192), (64, 48)])
    assert {frame.shape for _, frame in found} == {(96, 128, 3)}
    assert abs(float(found[1][1].mean()) - 35) < 3  # made smaller as a whole
    assert float(found[2][1][80:, 100:].mean()) < 8  # nothing around a smaller one


def test_odd_sides_are_filled_with_their_neighbours() -> None:
    array = np.arange(15 * 3, dtype=np.uint8).reshape(3, 5, 3)
    made = np.asarray(even(Image.fromarray(array)))
    assert made.shape == (4, 6, 3)
    assert (made[:3, :5] == array).all()
    assert (made[3, :5] == array[2]).all()
    assert (made[:3, 5] == array[:, 4]).all()
