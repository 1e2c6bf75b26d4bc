"""The loss of masks, and the windows that large pictures are validated in. Whole runs are in test_mask_run.py."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from visioncli.labelled.masks import IGNORED
from visioncli.training.masks import lesson as masks
from visioncli.training.masks.lesson import mask_loss


def logits_of(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def dice_of(logits: torch.Tensor, wanted: torch.Tensor) -> float:
    """One minus the mean over the classes that occur, from its formula."""
    found = logits.softmax(1)
    parts = []
    for c in wanted[wanted != IGNORED].unique().tolist():
        mine, true = found[:, c][wanted != IGNORED], (wanted == c)[wanted != IGNORED].float()
        parts.append(float((2 * (mine * true).sum() + 1) / (mine.sum() + true.sum() + 1)))
    return 1 - float(np.mean(parts))


def test_the_loss_is_torchs_cross_entropy_and_dice() -> None:
    logits = logits_of(2, 3, 8, 8)
    wanted = torch.randint(0, 3, (2, 8, 8), generator=torch.Generator().manual_seed(1))
    wanted[0, :2] = IGNORED
    expected = float(F.cross_entropy(logits, wanted, ignore_index=IGNORED)) + dice_of(logits, wanted)
    assert float(mask_loss(logits, wanted)) == pytest.approx(expected, rel=1e-5)
    weights = torch.tensor([1.0, 2.0, 5.0])
    weighed = float(F.cross_entropy(logits, wanted, weights, ignore_index=IGNORED)) + dice_of(logits, wanted)
    assert float(mask_loss(logits, wanted, weights)) == pytest.approx(weighed, rel=1e-5)


def test_a_class_that_does_not_occur_costs_nothing_in_dice() -> None:
    wanted = torch.zeros((1, 4, 4), dtype=torch.int64)
    sure = torch.stack([torch.full((1, 4, 4), 20.0), torch.full((1, 4, 4), -20.0)], 1)
    assert float(mask_loss(sure, wanted)) == pytest.approx(0, abs=1e-4)


def test_where_nothing_counts_the_loss_is_nothing_and_has_no_gradient() -> None:
    logits = logits_of(1, 2, 4, 4).requires_grad_()
    loss = mask_loss(logits, torch.full((1, 4, 4), IGNORED))
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize("shape", [(1, 1), (1024, 1024), (1025, 300), (2100, 2500)])
def test_cells_cover_each_pixel_once(shape: tuple[int, int]) -> None:
    counts = np.zeros(shape, int)
    for window, cell in masks._cells(*shape):
        counts[window][cell] += 1
    assert (counts == 1).all()
