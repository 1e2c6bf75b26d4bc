import torch

from visioncli.training.adversarial.augment_both import HOLE, SHIFT, changed


def test_gradients_reach_every_picture() -> None:
    torch.manual_seed(0)
    x = torch.randn(6, 3, 16, 16, requires_grad=True)
    changed(x, colours=True).sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert (x.grad.flatten(1).abs().sum(1) > 0).all()


def test_grey_pictures_are_moved_and_cut_and_nothing_else() -> None:
    torch.manual_seed(0)
    x = torch.rand(40, 1, 16, 16) + 1
    made = changed(x, colours=False)
    assert made.shape == x.shape
    lost = (made == 0).float().mean((1, 2, 3))
    assert lost.max() <= HOLE**2
    assert lost.mean() > 0.1
    for before, after in zip(x, made, strict=True):
        kept = after[after != 0]
        assert torch.isin(kept, before).all()


def test_a_picture_moves_by_a_few_pixels_and_its_edge_goes_on() -> None:
    torch.manual_seed(0)
    x = torch.zeros(64, 1, 16, 16)
    x[:, :, 8, 8] = 5
    x[:, :, 0, :] = 1
    made = changed(x, colours=False)
    places = [(one[0] == 5).nonzero().tolist() for one in made]
    found = torch.tensor([place[0] for place in places if place])
    assert len(found) > 20
    assert (found - 8).abs().max() == round(SHIFT * 16)
    assert len(found.unique(dim=0)) > 10


def test_the_same_seed_changes_pictures_in_the_same_way() -> None:
    x = torch.randn(3, 3, 12, 12)
    made = []
    for _ in range(2):
        torch.manual_seed(4)
        made.append(changed(x, colours=True))
    assert torch.equal(*made)
