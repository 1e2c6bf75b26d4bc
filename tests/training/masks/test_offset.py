"""Two numbers that learn how far masks lie beside what they mark. Whole runs are in test_run.py."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from visioncli.tasks.segment import offset as answers
from visioncli.training.data.augment import generator
from visioncli.training.job import Job
from visioncli.training.masks import augment as mask_augment
from visioncli.training.masks import offset as mask_offset
from visioncli.training.masks.lesson import mask_loss
from visioncli.training.masks.offset import NAME, MaskOffset, first_tensors, learned, moved, offset_in
from visioncli.training.recipe import Augment, Recipe


def job(augment: Augment = Augment.STANDARD, *, mirror: bool = True, turns: bool = True) -> Job:
    none = np.zeros(0, np.int64)
    return Job({}, "", Recipe(augment=augment), none, none, mirror, 1, 8, None, "", task="segment", turns=turns)


class Bright(nn.Module):
    """Answers 1 where the picture is bright, and nowhere else."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((-x, x), 1)


@pytest.mark.parametrize(
    ("which", "axes"),
    [
        (job(), (True, True)),
        (job(mirror=False), (True, True)),
        (job(turns=False), (False, True)),
        (job(mirror=False, turns=False), (False, False)),
        (job(Augment.NONE), (False, False)),
    ],
)
def test_what_the_network_can_learn_itself_is_left_to_it(which: Job, axes: tuple[bool, bool]) -> None:
    assert learned(which) == axes
    network = Bright()
    offset = MaskOffset(network, which)
    assert set(network.state_dict()) == set(first_tensors(which)) == ({NAME} if any(axes) else set())
    if any(axes):
        x = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        network(x)[0, 1, 2:5].pow(2).sum().backward()
        (parameter,) = offset.parameters
        assert parameter.grad is not None
        assert tuple((parameter.grad != 0).tolist()) == axes


def test_logits_are_moved_as_those_of_predictions_are() -> None:
    logits = torch.randn(2, 3, 9, 11, generator=torch.Generator().manual_seed(0))
    offsets = torch.tensor([[0.6, -0.2], [-3.25, 1.5]])
    found = moved(logits, offsets).numpy()
    for one, its, pixels in zip(found, logits.numpy(), offsets.tolist(), strict=True):
        np.testing.assert_allclose(one, answers.moved(its, (pixels[0], pixels[1])), atol=1e-5)


def test_an_offset_is_learned_from_crops_that_are_turned_mirrored_and_scaled() -> None:
    rng = np.random.default_rng(3)
    blocks = np.kron(rng.integers(0, 2, (16, 16)), np.ones((8, 8))).astype(np.uint8)
    pixels, masks = np.repeat((255 * blocks)[..., None], 3, 2), np.roll(blocks, (-2, 1), (0, 1))
    network = Bright()
    offset = MaskOffset(network, job())
    optimizer = torch.optim.Adam(offset.parameters, lr=0.1)
    network.train()
    for step in range(60):
        drawn = [
            mask_augment.draw(generator(0, step, n), Augment.STANDARD, mirror=True, turns=True) for n in range(4)
        ]
        drawn = [dataclasses.replace(one, colour=(1.0, 1.0, 1.0)) for one in drawn]
        crops = [mask_augment.apply(pixels, masks, one, 64) for one in drawn]
        offset.turned(torch.from_numpy(np.stack([mask_augment.directions(one) for one in drawn])))
        x = torch.from_numpy(np.stack([seen[..., 0] for seen, _ in crops])).float()[:, None] / 64 - 2
        loss = mask_loss(network(x), torch.from_numpy(np.stack([mask for _, mask in crops])).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    down, right = offset_in(network.state_dict()) or (0.0, 0.0)
    assert (down, right) == (pytest.approx(-2, abs=0.3), pytest.approx(1, abs=0.3))
    whole = torch.from_numpy(pixels[None, None, ..., 0].astype(np.float32)) / 64 - 2
    assert (network(whole)[0].argmax(0).numpy() == masks)[4:-4, 4:-4].mean() > 0.99


def test_offsets_that_are_nothing_or_beyond_all_reason_are_not_kept() -> None:
    assert offset_in({}) is None
    assert offset_in({NAME: torch.tensor([0.05, -0.05])}) is None
    assert offset_in({NAME: torch.tensor([0.0, 0.5])}) == (0.0, 0.5)
    assert offset_in({NAME: torch.tensor([-40.0, 0.0])}) == (-16.0, 0.0)


def test_masks_of_a_batch_are_cut_with_their_directions() -> None:
    wanted = mask_offset.Wanted(torch.arange(3)[:, None, None], torch.arange(12).reshape(3, 2, 2))
    part = wanted[1:3]
    assert len(part) == 2
    assert part.classes.flatten().tolist() == [1, 2]
    assert part.directions[0].tolist() == [[4, 5], [6, 7]]
