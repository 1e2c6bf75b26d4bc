import dataclasses

import pytest
import torch
from torch import nn

from run_folders import row_of, seeded
from torchvision_networks import made_up
from visioncli.errors import UsageError
from visioncli.models import registry
from visioncli.models.row import ModelRow
from visioncli.weights import checkpoints, heads
from visioncli.weights.checkpoints import architecture
from visioncli.weights.heads import head_of, without_head

# Small ones, of families whose heads are built differently.
NETWORKS = (
    *(
        "efficientnet_lite0",
        "efficientnet_lite3",
        "lenet5",
        "fractalnet_small",
        "alexnet",
        "googlenet",
        "resnet18",
        "mnasnet0_5",
    ),
    *("shufflenet_v2_x0_5", "mobilenet_v3_small", "efficientnet_b0", "regnet_y_400mf", "swin_t"),
)


def small(row: ModelRow) -> torch.Tensor:
    size = min(row.input.size, 96)  # quicker than the network's own
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", NETWORKS)
def test_features_times_the_head_are_the_logits(name: str) -> None:
    row = row_of(name)
    module, variant = architecture(row)
    with torch.device("meta"):
        network: nn.Module = module.build(*variant)
    network.load_state_dict(made_up(network), assign=True)
    network.eval()
    x = small(row)
    with torch.inference_mode():
        logits = network(x)
        place, head = head_of(network, row)
        features = without_head(network, row)(x)
        assert features.shape == (2, head.in_features)
        torch.testing.assert_close(features @ head.weight.T + head.bias, logits, rtol=1e-4, atol=1e-5)
    assert isinstance(network.get_submodule(place), nn.Identity)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("squeezenet1_1", "its last layer is not a linear one"),
        ("ssd_mobilenet_v2", "not a classifier whose classes can be chosen"),
        ("deeplabv3_resnet50", "not a classifier whose classes can be chosen"),
    ],
)
def test_a_network_without_a_linear_head_is_named(name: str, words: str) -> None:
    row = registry.find(name)
    module, variant = architecture(row)
    with torch.device("meta"):
        network = module.build(*variant)
    with pytest.raises(UsageError, match=rf"{name} has no features of a picture .*{words}\. Choose another"):
        head_of(network, row)


class ByPlaces(nn.Module):
    """Classifies each place, and takes the mean of what it finds."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(3, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x.flatten(2).transpose(1, 2))


class Rescaled(ByPlaces):
    """Does something to the logits afterwards."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * self.head(x.mean((2, 3)))


class Scaled(nn.Linear):
    """Is called linear, and is not."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x / x.norm(dim=1, keepdim=True))


class Renamed(nn.Linear):
    """Is linear by another name, as layers that do something for compilers are."""


class Cosine(ByPlaces):
    """Ends in a layer of its own kind."""

    kind: type[nn.Linear] = Scaled

    def __init__(self, classes: int) -> None:
        super().__init__(classes)
        self.head = self.kind(3, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x.mean((2, 3)))


class Plain(Cosine):
    kind = Renamed


class Twice(ByPlaces):
    """Has two heads."""

    def __init__(self, classes: int) -> None:
        super().__init__(classes)
        self.other = nn.Linear(3, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x.mean((2, 3))) + self.other(x.mean((2, 3)))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (ByPlaces, "looks at places of the picture one by one"),
        (Rescaled, "is not what its answer comes from"),
        (Cosine, "its last layer is not a linear one"),
        (Twice, "2 of its layers depend on the number of classes"),
    ],
)
def test_a_head_that_is_not_the_end_is_refused(
    kind: type[ByPlaces], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = brought(kind, monkeypatch)
    with pytest.raises(UsageError, match=words):
        head_of(kind(3), row)


def brought(kind: type[ByPlaces], monkeypatch: pytest.MonkeyPatch) -> ModelRow:
    """The row of a plug-in's network."""

    class Module:
        @staticmethod
        def build(variant: str, classes: str) -> nn.Module:
            return kind(int(classes))

    for user in (heads, checkpoints):
        monkeypatch.setattr(user, "architecture", lambda row: (Module, row.architecture.split(":")[1:]))
    return dataclasses.replace(row_of(), name=f"odd {kind.__name__}", architecture="odd:network:3")


def test_a_linear_layer_may_be_of_a_derived_class(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Plain(3)
    assert head_of(network, brought(Plain, monkeypatch)) == ("head", network.head)


def test_a_head_may_have_no_bias() -> None:
    row = row_of("maxvit_t")
    module, variant = architecture(row)
    with torch.device("meta"):
        place, head = head_of(module.build(*variant), row)
    assert (place, head.bias) == ("classifier.5", None)


def test_a_head_may_be_trained_in_place() -> None:
    row = row_of()
    network = seeded(row).train()
    place, head = head_of(network, row)
    assert network.get_submodule(place) is head
    assert all(module.training for module in network.modules())
