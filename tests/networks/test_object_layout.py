from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from visioncli.errors import ModelUnavailable
from visioncli.networks.object_layout import Sizes, build, listen, load, save
from visioncli.tasks.caption.beam_search import Constraint, beam_search, nameable, object_features
from visioncli.tasks.caption.words import Vocabulary, object_nouns

WORDS = (*Vocabulary.MARKS, "a", "dog", "hot", "cat", "on", "grass", "man")
TINY = Sizes(len(WORDS), word=8, memory=8, hidden=6, layers=1, heads=2)


def objects(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(1, 91, (1, count), generator=random)
    return labels, torch.rand(1, count, 9, generator=random)


def test_padding_changes_no_word_probability() -> None:
    torch.manual_seed(0)
    network = build(TINY, 2)
    labels, geometry = objects(3)
    padded_labels = torch.cat([labels, torch.tensor([[7, 9]])], dim=1)
    padded_geometry = torch.cat([geometry, torch.ones(1, 2, 9)], dim=1)
    word, state = torch.tensor([1]), torch.zeros(1, 8, 6)
    told = []
    for seen, shape, present in (
        (labels, geometry, [[True] * 3]),
        (padded_labels, padded_geometry, [[True] * 3 + [False] * 2]),
    ):
        here = torch.tensor(present)
        told.append(network.step(word, state, network.encode(seen, shape, here), here))
    torch.testing.assert_close(told[0][0], told[1][0])
    torch.testing.assert_close(told[0][2], told[1][2][:, :4])
    assert told[1][2][0, 4:].max() < 1e-6


def test_steps_say_what_training_sees() -> None:
    torch.manual_seed(0)
    network = build(TINY)
    member = network.members[0]
    labels, geometry = objects(2)
    present = torch.ones(1, 2, dtype=torch.bool)
    words = torch.tensor([[1, 4, 5, 8]])
    memory = network.encode(labels, geometry, present)
    at_once = member(words, memory, present).log_softmax(-1)
    state = torch.zeros(1, 4, 6)
    for place, word in enumerate(words[0]):
        told, state, attention = network.step(word[None], state, memory, present)
        torch.testing.assert_close(told[0], at_once[place])
        assert attention.sum().item() == pytest.approx(1)


def test_a_picture_without_objects_still_gets_probabilities() -> None:
    step, state = listen(build(TINY), np.zeros(0, np.int64), np.zeros((0, 9), np.float32))
    told, after, attention = step(np.array([1, 1]), np.repeat(state, 2, axis=0))
    assert np.exp(told).sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert after.shape == (2, 4, 6)
    assert attention.tolist() == [[1.0], [1.0]]


def test_saved_weights_come_back_within_the_rounding_of_int8(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build(TINY, 2)
    save(network, WORDS, tmp_path / "w.safetensors")
    again, words = load(tmp_path / "w.safetensors")
    assert words == WORDS
    assert len(again.members) == 2
    for name, tensor in network.state_dict().items():
        largest = tensor.abs().max().item()
        torch.testing.assert_close(again.state_dict()[name], tensor, rtol=0, atol=largest / 250 + 1e-7)


@pytest.mark.parametrize("change", ["missing", "left over"])
def test_a_tensor_missing_or_left_over_is_an_unavailable_model(tmp_path: Path, change: str) -> None:
    path = tmp_path / "w.safetensors"
    save(build(TINY), WORDS, path)
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        about = file.metadata()
    tensors = load_file(path)
    if change == "missing":
        del tensors["members.0.bias"]
    else:
        tensors["members.0.more"] = torch.zeros(1)
    save_file(tensors, path, about)
    with pytest.raises(ModelUnavailable, match="object_layout"):
        load(path)


def test_a_file_that_is_not_there_is_an_unavailable_model(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable):
        load(tmp_path / "none.safetensors")


def test_the_packaged_weights_fill_every_tensor_and_stay_under_five_megabytes() -> None:
    from visioncli.networks.object_layout import WEIGHTS

    network, words = load()
    assert WEIGHTS.stat().st_size < 5_000_000
    assert len(words) == network.sizes.vocabulary
    assert all(torch.isfinite(t).all() for t in network.state_dict().values())


def test_the_packaged_network_says_what_it_sees() -> None:
    network, words = load()
    vocabulary = Vocabulary(words)
    seen = object_features([[100, 50, 300, 400], [20, 300, 600, 470]], [0.95, 0.9], [17, 63], 640, 480)
    step, state = listen(network, seen.labels, seen.geometry)
    found = beam_search(step, state, Constraint(vocabulary, nameable(seen)), top=3)
    assert len({c.text for c in found}) == 3
    assert "cat" in found[0].words
    assert "couch" in found[0].words
    assert found[0].attention.shape == (len(found[0].words), 3)


@pytest.mark.parametrize("seed", range(5))
def test_with_random_weights_and_detections_no_caption_names_an_undetected_class(seed: int) -> None:
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    words = load()[1]
    network = build(Sizes(len(words), word=16, memory=16, hidden=16))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=1.0)
    labels = random.choice(sorted(object_nouns().classes), 4)
    boxes = np.sort(random.uniform(0, 100, (4, 2, 2)), axis=1).reshape(4, 4)
    seen = object_features(boxes, random.uniform(0.1, 1, 4), labels, 100, 100)
    allowed = nameable(seen)
    step, state = listen(network, seen.labels, seen.geometry)
    found = beam_search(step, state, Constraint(Vocabulary(words), allowed), beams=5, top=5)
    assert found
    for caption in found:
        assert object_nouns().absent(caption.words, allowed) == []
