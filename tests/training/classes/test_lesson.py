"""The loss of classes. Whole runs are in test_train.py."""

import pytest
import torch

from visioncli.training.classes.lesson import loss_of


def test_the_loss_is_torchs_cross_entropy_with_smoothed_labels() -> None:
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 3, 0, 1])
    wanted = torch.nn.functional.one_hot(labels, 4).float() * 0.9 + 0.1 / 4
    ours = loss_of(logits, wanted, None, multi_label=False)
    theirs = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-6)
