from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from visioncli.errors import ModelUnavailable
from visioncli.networks import deeplab
from visioncli.tasks.segment.deeplab import preprocess, resize_logits
from visioncli.weights.tflite import read_tflite


@pytest.fixture(scope="module")
def network(deeplab_file: Path) -> Iterator[deeplab.DeepLabMobileNetV2]:
    built = deeplab.build()
    built.load_state_dict(deeplab.import_weights(deeplab_file))
    with torch.inference_mode():
        yield built


@pytest.mark.parametrize("size", [(257, 257), (513, 257), (65, 129), (100, 222), (33, 8)])
def test_logits_lie_on_every_eighth_pixel(network: deeplab.DeepLabMobileNetV2, size: tuple[int, int]) -> None:
    logits = network(torch.zeros(2, 3, *size))
    assert logits.shape == (2, 21, -(-size[0] // 8), -(-size[1] // 8))


def test_neighbours_in_a_batch_change_nothing(network: deeplab.DeepLabMobileNetV2) -> None:
    pictures = torch.rand(4, 3, 129, 129, generator=torch.Generator().manual_seed(0)) * 2 - 1
    together = network(pictures)
    for i in range(4):
        torch.testing.assert_close(network(pictures[i : i + 1])[0], together[i], atol=1e-4, rtol=0)


def test_the_weights_of_another_network_are_refused(movenet_file: Path) -> None:
    with pytest.raises(ModelUnavailable, match="not the expected network"):
        deeplab.import_weights(movenet_file)


def test_a_left_over_weight_is_refused(monkeypatch: pytest.MonkeyPatch, deeplab_file: Path) -> None:
    file = read_tflite(deeplab_file)
    changed = replace(file, tensors={**file.tensors, "extra": np.zeros(3, np.float32)})
    monkeypatch.setattr(deeplab, "read_tflite", lambda path: changed)
    with pytest.raises(ModelUnavailable, match="no place for: extra"):
        deeplab.import_weights(file.path)


def test_a_missing_weight_is_refused(monkeypatch: pytest.MonkeyPatch, deeplab_file: Path) -> None:
    file = read_tflite(deeplab_file)
    tensors = {name: value for name, value in file.tensors.items() if name != "aspp0/Conv2D_bias"}
    monkeypatch.setattr(deeplab, "read_tflite", lambda path: replace(file, tensors=tensors))
    with pytest.raises(ModelUnavailable, match="lacks the weights of aspp0/weights"):
        deeplab.import_weights(file.path)


@pytest.mark.shared_data
def test_classes_are_those_of_the_original_runtime(network: deeplab.DeepLabMobileNetV2, shared_data: Path) -> None:
    for mask in sorted((shared_data / "reference/deeplab_v3_257").glob("*.png")):
        picture = Image.open(shared_data / f"coco/images/{mask.stem}.jpg").convert("RGB")
        logits = network(torch.from_numpy(preprocess(picture, 257))[None])[0].numpy()
        found = resize_logits(logits, 257, 257)
        assert (found == np.asarray(Image.open(mask))).mean() >= 0.995, mask.stem
