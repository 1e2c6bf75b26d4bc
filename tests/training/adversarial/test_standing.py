from pathlib import Path

import pytest
import torch
from torch import nn

from visioncli.errors import UsageError
from visioncli.training.adversarial import standing
from visioncli.training.adversarial.standing import Standing


def test_everything_comes_back_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(0)
    networks = {"generator": nn.Linear(3, 2), "discriminator": nn.Conv2d(1, 2, 3)}
    optimizers: dict[str, torch.optim.Optimizer] = {
        name: torch.optim.Adam(net.parameters(), 0.1) for name, net in networks.items()
    }
    networks["generator"](torch.ones(1, 3)).sum().backward()
    optimizers["generator"].step()
    at = Standing(7, 20, 99, {"generator": 1.5}, 3)
    states = {name: net.state_dict() for name, net in networks.items()}
    path = tmp_path / "checkpoint.safetensors"
    standing.save(path, at, states, {"generator": states["generator"]}, optimizers, {"pool": torch.arange(3)})
    found = standing.read(path)
    assert found.standing == at
    assert found.networks.keys() == networks.keys()
    assert all(torch.equal(found.networks[n][k], t) for n, state in states.items() for k, t in state.items())
    assert found.averages.keys() == {"generator"}
    assert found.game["pool"].tolist() == [0, 1, 2]
    fresh: dict[str, torch.optim.Optimizer] = {
        name: torch.optim.Adam(net.parameters(), 0.1) for name, net in networks.items()
    }
    found.restore(fresh)
    ours, theirs = (one["generator"].state_dict()["state"] for one in (fresh, optimizers))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[n][k], theirs[n][k]) for n in theirs for k in theirs[n])
    assert not fresh["discriminator"].state_dict()["state"]


@pytest.mark.parametrize("content", [b"", b"x" * 100])
def test_a_damaged_file_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="cannot be read"):
        standing.read(path)
