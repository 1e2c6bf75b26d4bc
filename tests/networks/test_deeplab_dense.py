"""DeepLab with an answer for each pixel."""

import torch

from visioncli.networks import deeplab, deeplab_dense


def test_each_pixel_has_an_answer_whatever_the_size() -> None:
    network = deeplab_dense.build("half", "3").eval()
    with torch.no_grad():
        assert network(torch.zeros(2, 3, 64, 96)).shape == (2, 3, 64, 96)
        assert network(torch.zeros(1, 3, 45, 70)).shape == (1, 3, 45, 70)


def test_its_tensors_are_those_of_the_embedded_network() -> None:
    own, other = deeplab_dense.build("half", "21").state_dict(), deeplab.build().state_dict()
    assert {n: t.shape for n, t in own.items()} == {n: t.shape for n, t in other.items()}


def test_its_answers_are_those_of_the_embedded_network_enlarged() -> None:
    torch.manual_seed(0)
    network = deeplab_dense.build("half", "21").eval()
    plain = deeplab.build()
    plain.load_state_dict(network.state_dict())
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        dense, coarse = network(x), plain(x)
    # Each cell of 8 pixels has the mean of its enlarged answers near the coarse one.
    cells = torch.nn.functional.avg_pool2d(dense, 8)[..., 1:-1, 1:-1]
    inner = coarse[..., 1:-1, 1:-1]
    assert torch.allclose(cells, inner, atol=float(coarse.std()))
    assert torch.corrcoef(torch.stack((cells.ravel(), inner.ravel())))[0, 1] > 0.9
