import torch

from visioncli.training.adversarial.image_pool import ImagePool


def numbered(first: int, count: int) -> torch.Tensor:
    """Pictures, each of one number."""
    return torch.arange(first, first + count, dtype=torch.float32)[:, None, None, None].expand(count, 3, 2, 2)


def numbers(pictures: torch.Tensor) -> list[int]:
    return [int(one[0, 0, 0]) for one in pictures]


def test_until_the_pool_is_full_pictures_come_back_themselves() -> None:
    pool = ImagePool(6)
    assert numbers(pool.swap(numbered(0, 4))) == [0, 1, 2, 3]
    assert numbers(pool.state()) == [0, 1, 2, 3]


def test_later_half_of_them_are_earlier_ones_whose_place_they_take() -> None:
    torch.manual_seed(0)
    pool = ImagePool(50)
    pool.swap(numbered(0, 50))
    given = numbers(pool.swap(numbered(50, 200)))
    old = sum(n != 50 + place for place, n in enumerate(given))
    assert 70 < old < 130
    # Nothing is lost or doubled: each picture was given, or is kept.
    assert sorted([*given, *numbers(pool.state())]) == list(range(250))


def test_a_pool_that_is_read_back_goes_on_as_the_other() -> None:
    torch.manual_seed(0)
    one, other = ImagePool(5), ImagePool(5)
    one.swap(numbered(0, 8))
    other.restore(one.state())
    answers = []
    for pool in (one, other):
        torch.manual_seed(1)
        answers.append(pool.swap(numbered(8, 20)))
    assert torch.equal(*answers)
    assert answers[0].stride() == answers[1].stride()


def test_an_empty_pool_can_be_read_back() -> None:
    pool = ImagePool(5)
    pool.restore(ImagePool(5).state())
    assert numbers(pool.swap(numbered(0, 2))) == [0, 1]


def test_gradients_do_not_reach_what_is_kept() -> None:
    pool = ImagePool(5)
    assert not pool.swap(numbered(0, 2).clone().requires_grad_(True)).requires_grad
