"""`vision embed`: vectors through the frame, and from the cache of training."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from conftest import Ended
from photographs import photograph
from visioncli.api import load
from visioncli.labelled.recognise import read_set
from visioncli.models import registry
from visioncli.record_schema import json_schema
from visioncli.tasks.embed.task import Embed
from visioncli.training.data import features

Vision = Callable[..., Ended]
CHECK = jsonschema.Draft202012Validator(json_schema())


@pytest.fixture
def photos(tmp_path: Path, own_features: Path) -> Path:
    folder = tmp_path / "photos"
    for n, name in enumerate(("a/1.png", "a/2.jpg", "b/3.png")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        photograph(n).save(path)
    (folder / "b" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


@pytest.fixture
def own_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of features of the test's own; networks stay compiled for all tests."""
    folder = tmp_path / "features"
    monkeypatch.setattr("visioncli.features.files._folder", lambda: folder)
    return folder


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures went through the network, batch by batch."""
    batches: list[int] = []
    real = Embed.vectors

    def counted(self: Embed, batch: list[object]) -> np.ndarray:
        batches.append(len(batch))
        return real(self, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(Embed, "vectors", counted)
    return batches


def test_arrays_names_and_records_are_in_input_order(vision: Vision, photos: Path, tmp_path: Path) -> None:
    ended = vision("embed", "photos", "-o", "out", "-f", "npy,csv", "--normalise")
    assert ended.status == 1 and "3 of 4 succeeded, 1 failed" in ended.err
    for record in ended.records:
        CHECK.validate(record)
    assert [r["input"] for r in ended.records] == [
        f"photos/{n}" for n in ("a/1.png", "a/2.jpg", "b/3.png", "b/broken.png")
    ]
    assert [r["predictions"] for r in ended.records] == [[{"dimensions": 1280}]] * 3 + [None]
    vectors = np.load(tmp_path / "out" / "predictions.npy")
    assert vectors.shape == (3, 1280) and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    names = json.loads((tmp_path / "out" / "predictions.names.json").read_bytes())
    assert names == [r["input"] for r in ended.records[:3]]
    assert len((tmp_path / "out" / "predictions.csv").read_text().splitlines()) == 5
    assert ended.records[0]["model"]["precision"] == "fp32"
    assert not list((tmp_path / "out").rglob("*.jpg"))


def test_vectors_are_in_records_on_demand_and_without_a_folder(vision: Vision, photos: Path, tmp_path: Path) -> None:
    ended = vision("embed", "photos/a", "-o", "-")
    plain = [r["predictions"][0]["vector"] for r in ended.records]
    assert [len(v) for v in plain] == [1280, 1280]
    kept = vision("embed", "photos/a", "-o", "out", "--vectors", "-f", "npy")
    assert [r["predictions"][0]["vector"] for r in kept.records] == plain
    assert np.allclose(np.load(tmp_path / "out" / "predictions.npy"), plain, atol=1e-6)
    array = vision("embed", "photos/a", "-o", "-", "-f", "npy")
    assert np.allclose(np.load(io.BytesIO(array.out)), plain, atol=1e-6)


def test_what_training_has_computed_is_not_computed_again(vision: Vision, photos: Path, computed: list[int]) -> None:
    row = registry.find("efficientnet_lite0")
    (photos / "b" / "broken.png").unlink()
    theirs = features.compute(read_set("photos").examples, row, views=2)
    ended = vision("embed", "photos", "-o", "-")
    assert computed == []
    assert np.allclose([r["predictions"][0]["vector"] for r in ended.records], theirs.vectors[:, 0], atol=1e-6)


def test_what_it_has_computed_training_does_not_compute_again(vision: Vision, photos: Path) -> None:
    (photos / "b" / "broken.png").unlink()
    vision("embed", "photos", "-o", "-")
    found = features.compute(read_set("photos").examples, registry.find("efficientnet_lite0"), views=0)
    assert found.computed == 0


def test_other_ways_to_decode_have_features_of_their_own(vision: Vision, photos: Path, computed: list[int]) -> None:
    photograph(9, (1800, 1600)).save(photos / "a" / "2.jpg")
    usual, exact = (vision("embed", "photos/a", "-o", "-", *more).records for more in ([], ["--exact-decode"]))
    assert sum(computed) == 4
    assert usual[0]["predictions"] == exact[0]["predictions"]
    assert usual[1]["predictions"] != exact[1]["predictions"]
    cut = (photos / "a" / "2.jpg").read_bytes()[:20000]
    (photos / "a" / "2.jpg").write_bytes(cut)
    assert vision("embed", "photos/a/2.jpg", "-o", "-", "--allow-truncated").status == 0
    assert vision("embed", "photos/a/2.jpg", "-o", "-").status == 3


def test_a_picture_that_is_known_is_still_refused_where_it_is_too_large(vision: Vision, photos: Path) -> None:
    assert vision("embed", "photos/a/1.png", "-o", "-").status == 0
    refused = vision("embed", "photos/a/1.png", "-o", "-", "--max-pixels", "100")
    assert refused.records[0]["error"]["kind"] == "too_large"


def test_a_resumed_run_has_all_vectors(vision: Vision, photos: Path, tmp_path: Path, computed: list[int]) -> None:
    vision("embed", "photos/a", "-o", "out", "-f", "npy", "-q")
    before = np.load(tmp_path / "out" / "predictions.npy")
    resumed = vision("embed", "photos/a", "photos/b", "-o", "out", "-f", "npy", "--resume")
    assert "2 taken from an earlier run" in resumed.err
    vectors = np.load(tmp_path / "out" / "predictions.npy")
    assert vectors.shape == (3, 1280) and (vectors[:2] == before).all()
    assert sum(computed) == 3


def test_batches_and_workers_change_no_vector(vision: Vision, photos: Path, own_features: Path) -> None:
    found = []
    for batch, workers in (("1", "1"), ("5", "4")):
        for path in own_features.glob("*"):
            path.unlink()
        found.append(vision("embed", "photos/a", "-o", "-", "-b", batch, "-j", workers).records)
    one, other = ([r["predictions"][0]["vector"] for r in records] for records in found)
    assert np.allclose(one, other, atol=2e-3)


def test_from_python_a_picture_is_a_vector(photos: Path) -> None:
    (found,) = load("embed", normalise=True)(str(photos / "a" / "1.png")).predictions or ()
    assert abs(np.linalg.norm(found.vector) - 1) < 1e-5
    (same,) = load("embed", normalise=True)(Image.open(photos / "a" / "1.png")).predictions or ()
    assert np.allclose(found.vector, same.vector, atol=1e-4)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--model", "ssd_mobilenet_v2"], "cannot classify"),
        (["--format", "npz"], "Did you mean npy"),
        (["-o", "-", "-f", "npy,csv"], "Standard output takes one format"),
    ],
)
def test_a_wrong_option_is_status_2_and_one_sentence(
    args: list[str], words: str, vision: Vision, photos: Path
) -> None:
    ended = vision("embed", "photos", *args)
    assert (ended.status, ended.out) == (2, b"")
    assert words in ended.err
