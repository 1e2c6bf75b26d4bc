"""Checkpoints: what is written is read, and damage is a sentence."""

from pathlib import Path

import pytest
import torch
from torch import nn

from visioncli.errors import UsageError
from visioncli.training import checkpoint
from visioncli.training.checkpoint import Progress


def stepped() -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    network = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1)
    for _ in range(3):
        network(torch.ones(1, 3)).sum().backward()
        optimizer.step()
    return network, optimizer


def test_the_optimizer_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    network, optimizer = stepped()
    path = tmp_path / "checkpoint.safetensors"
    checkpoint.save(path, Progress(step=3, steps=9), network.state_dict(), network.state_dict(), optimizer)
    found = checkpoint.read(path)
    other = nn.Linear(3, 2)
    other.load_state_dict(found.network)
    again = torch.optim.AdamW(other.parameters(), lr=0.1)
    found.restore(again)
    for module, steps in ((network, optimizer), (other, again)):
        steps.zero_grad()
        module(torch.ones(1, 3)).sum().backward()
        steps.step()
    assert torch.equal(network.weight, other.weight)
    assert found.progress == Progress(step=3, steps=9)


@pytest.mark.parametrize("damage", [b"", b"{}", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_checkpoint_is_a_sentence(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(damage)
    with pytest.raises(UsageError, match="so training cannot go on"):
        checkpoint.read(path)
