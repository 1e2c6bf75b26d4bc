import pytest
import torch
from torch import Tensor, nn

from visioncli.networks.cyclegan import PATCHES, Discriminator, Generator, Pair, build, import_state, start


def as_sequence(blocks: int, width: int) -> nn.Sequential:
    """A generator as published implementations write it: one long sequence."""

    def normalised(convolution: nn.Module, channels: int) -> list[nn.Module]:
        return [convolution, nn.InstanceNorm2d(channels, affine=True), nn.ReLU()]

    class Residual(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            layers: list[nn.Module] = []
            for _ in range(2):
                layers += [nn.ReflectionPad2d(1), *normalised(nn.Conv2d(channels, channels, 3), channels)]
            self.block = nn.Sequential(*layers[:-1])

        def forward(self, x: Tensor) -> Tensor:
            return x + self.block(x)

    layers: list[nn.Module] = [nn.ReflectionPad2d(3), *normalised(nn.Conv2d(3, width, 7), width)]
    for n in (1, 2):
        layers += normalised(nn.Conv2d(n * width, 2 * n * width, 3, stride=2, padding=1), 2 * n * width)
    layers += [Residual(4 * width) for _ in range(blocks)]
    for n in (2, 1):
        up = nn.ConvTranspose2d(2 * n * width, n * width, 3, stride=2, padding=1, output_padding=1)
        layers += normalised(up, n * width)
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh())


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("blocks", [2, 9])
def test_weights_of_one_long_sequence_give_its_answers(blocks: int) -> None:
    theirs, ours = as_sequence(blocks, 4), build(f"resnet{blocks}-4")
    for module in theirs.modules():
        if isinstance(module, nn.InstanceNorm2d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    state = {f"model.{name}": tensor for name, tensor in theirs.state_dict().items()}
    ours.load_state_dict(import_state(state, f"resnet{blocks}-4"))
    x = torch.rand(2, 3, 24, 16) * 2 - 1
    with torch.inference_mode():
        assert torch.allclose(ours(x), theirs(x), atol=1e-6)


def test_tensors_that_the_network_has_not_keep_their_names() -> None:
    assert list(import_state({"model.99.weight": torch.zeros(1)}, "resnet2-4")) == ["model.99.weight"]


@pytest.mark.parametrize("size", [(8, 8), (13, 30), (45, 70)])
def test_pictures_of_any_size_keep_it(size: tuple[int, int]) -> None:
    with torch.inference_mode():
        assert build("resnet2-4")(torch.zeros(2, 3, *size)).shape == (2, 3, *size)


def test_answers_lie_between_minus_one_and_one() -> None:
    network = Generator(1, 4)
    nn.init.constant_(network.leave.weight, 9.0)
    with torch.inference_mode():
        answer = network(torch.rand(1, 3, 16, 16))
    assert answer.abs().max() <= 1.0


def test_a_pair_holds_both_directions_and_runs_the_first() -> None:
    pair = build("pair-resnet1-4")
    assert isinstance(pair, Pair)
    x = torch.rand(1, 3, 16, 16)
    with torch.inference_mode():
        assert torch.equal(pair(x), pair.a_to_b(x))
        assert not torch.equal(pair.a_to_b(x), pair.b_to_a(x))


def test_what_the_paper_counts_of_its_generators() -> None:
    with torch.device("meta"):
        counted = sum(p.numel() for p in build("resnet9-64").parameters())
    convolutions = 3 * 64 * 49 + 64 + 9 * (64 * 128 + 128 * 256) + 128 + 256
    convolutions += 9 * 2 * (256 * 256 * 9 + 256) + 9 * (256 * 128 + 128 * 64) + 128 + 64 + 64 * 3 * 49 + 3
    scales_and_offsets = 2 * (64 + 128 + 256 + 9 * 2 * 256 + 128 + 64)
    assert counted == convolutions + scales_and_offsets == 11_388_675


@pytest.mark.parametrize("patch", list(PATCHES))
def test_a_discriminator_s_answer_sees_a_patch_of_the_promised_side(patch: int) -> None:
    network = Discriminator(patch, 2)
    for name, module in list(network.layers.named_children()):
        if isinstance(module, nn.InstanceNorm2d):  # its statistics see everything
            setattr(network.layers, name, nn.Identity())
    x = torch.rand(1, 3, 320, 320, requires_grad=True)
    answers = network(x)
    answers[0, 0, answers.shape[2] // 2, answers.shape[3] // 2].backward()
    assert x.grad is not None
    seen = x.grad.abs().sum((0, 1)) > 0
    assert seen.any(0).sum() == seen.any(1).sum() == patch


def test_weights_begin_as_in_the_paper() -> None:
    network = Discriminator(34, 16)
    start(network)
    last = network.layers[-1]
    assert isinstance(last, nn.Conv2d) and last.bias is not None
    weights = torch.cat([m.weight.flatten() for m in network.modules() if isinstance(m, nn.Conv2d)])
    assert float(weights.detach().std()) == pytest.approx(0.02, rel=0.02)
    assert not last.bias.any()


def test_there_are_no_other_variants() -> None:
    with pytest.raises(ValueError, match="there is no 'resnet'"):
        build("resnet")
