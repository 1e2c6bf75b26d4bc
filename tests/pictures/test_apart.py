import io
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import make_picture
from endless import again_and_again
from visioncli import pictures
from visioncli.errors import InputError
from visioncli.pictures import apart
from visioncli.pictures.patience import Patience


@pytest.fixture(autouse=True)
def _no_helper_is_left() -> Iterator[None]:
    apart.dismiss()
    yield
    apart.dismiss()
    assert apart._idle == []


def patience(seconds: float) -> Patience:
    running = Patience(seconds)
    running.start()
    return running


def test_jpeg_2000_is_decoded_apart_and_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    make_picture(1, (200, 120)).save(path)
    here = pictures.read(str(path))
    assert apart._idle == []
    there = pictures.read(str(path), patience=patience(60))
    assert len(apart._idle) == 1
    assert (there.rgb == here.rgb).all()
    in_memory = apart.decode(io.BytesIO(path.read_bytes()), 10**6, allow_truncated=False, patience=patience(60))
    assert (np.asarray(in_memory) == here.rgb).all()
    assert len(apart._idle) == 1


def test_a_file_that_is_damaged_says_so_from_apart_too(tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    make_picture(1, (200, 120)).save(path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InputError) as here:
        pictures.read(str(path))
    with pytest.raises(InputError) as there:
        pictures.read(str(path), patience=patience(60))
    assert (there.value.kind, str(there.value)) == (here.value.kind, str(here.value))


def test_a_decoder_that_does_not_come_back_is_ended_and_the_next_file_is_read(tmp_path: Path) -> None:
    path = again_and_again(tmp_path / "bomb.tif")
    start = time.monotonic()
    with pytest.raises(InputError, match=r"longer than 0.2 s.*--timeout") as caught:
        pictures.read(str(path), patience=patience(0.2))
    assert caught.value.kind == "timed_out"
    assert time.monotonic() - start < 20
    make_picture(1).save(tmp_path / "a.jp2")
    assert pictures.read(str(tmp_path / "a.jp2"), patience=patience(60)).width == 48


def test_a_decoder_that_breaks_down_costs_only_its_file(tmp_path: Path) -> None:
    make_picture(1).save(tmp_path / "a.jp2")
    path = str(tmp_path / "a.jp2")
    pictures.read(path, patience=patience(60))
    (helper,) = apart._idle
    helper._process.kill()
    helper._process.wait()
    with pytest.raises(InputError, match="broke down"):
        pictures.read(path, patience=patience(60))
    assert pictures.read(path, patience=patience(60)).width == 48


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits", None])
def test_ordinary_tiff_files_are_decoded_here(compression: str | None) -> None:
    stream = io.BytesIO()
    make_picture(2, (300, 200)).save(stream, "TIFF", compression=compression)
    with Image.open(stream) as image:
        assert not apart.is_wise(image, patience(60))


def test_what_has_all_the_time_in_the_world_is_decoded_here(tmp_path: Path) -> None:
    path = again_and_again(tmp_path / "small.tif", rows=3)
    with Image.open(path) as image:
        assert apart.is_wise(image, patience(60))
        assert not apart.is_wise(image, Patience())
    assert pictures.read(str(path)).rgb[:, 0, 0].tolist() == [7, 7, 7]


def test_a_process_apart_ends_with_its_parent(tmp_path: Path) -> None:
    helper = apart._take()
    pid = helper._process.pid
    again_and_again(tmp_path / "bomb.tif")
    ask = {
        "path": str(tmp_path / "bomb.tif"),
        "bytes": 0,
        "max_pixels": 10**6,
        "allow_truncated": False,
        "seconds": 60,
    }
    assert helper._stdin is not None
    helper._stdin.write(json.dumps(ask).encode() + b"\n")
    helper._stdin.flush()
    time.sleep(0.1)
    assert helper._process.poll() is None
    helper._stdin.close()  # as the system does when the parent is killed
    helper._process.wait(10)
    assert not os.path.exists(f"/proc/{pid}/fd")
    assert helper._stdout is not None
    helper._stdout.close()
