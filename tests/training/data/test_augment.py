"""What training pictures look like."""

import dataclasses

import numpy as np
import pytest
from PIL import Image, ImageFilter

from visioncli.models.row import InputSpec
from visioncli.tasks.preprocess import preprocess
from visioncli.training.data import augment
from visioncli.training.data.augment import Params, apply, draw, generator, view
from visioncli.training.recipe import Augment

SPEC = InputSpec(96, 110, "bicubic", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
LEVELS = list(Augment)


def photograph(width: int = 200, height: int = 150, seed: int = 0) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(noise).filter(ImageFilter.GaussianBlur(4))


def tiny(side: int = 32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


@pytest.mark.parametrize("resize", [110, 0])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear", "nearest"])
def test_without_augmentation_the_network_sees_what_it_will_see_later(resize: int, interpolation: str) -> None:
    spec = dataclasses.replace(SPEC, resize=resize, interpolation=interpolation)
    for image in (photograph(), photograph(97, 300), Image.fromarray(tiny())):
        params = draw(generator(0, 0, 0), Augment.NONE, image.size, spec)
        pixels = apply(image, params, spec)
        wanted = preprocess(image, spec)
        assert np.array_equal(augment.normalise(pixels, spec), wanted)
        assert np.array_equal(augment.batch(pixels[None], spec)[0].numpy(), wanted)


def test_flip_is_the_plain_picture_or_its_mirror_image() -> None:
    image = photograph()
    plain = apply(image, draw(generator(0, 0, 0), Augment.NONE, image.size, SPEC), SPEC)
    seen = [apply(image, draw(generator(0, 0, i), Augment.FLIP, image.size, SPEC), SPEC) for i in range(20)]
    mirrored = [np.array_equal(each, plain[:, ::-1]) for each in seen]
    assert all(m or np.array_equal(each, plain) for m, each in zip(mirrored, seen, strict=True))
    assert 4 <= sum(mirrored) <= 16


@pytest.mark.parametrize("level", LEVELS)
def test_the_same_seed_epoch_and_index_give_the_same_picture_whatever_the_global_state(level: Augment) -> None:
    image = photograph()

    def once(epoch: int, index: int) -> bytes:
        np.random.seed(epoch)
        return apply(image, draw(generator(7, epoch, index), level, image.size, SPEC), SPEC).tobytes()

    assert once(3, 5) == once(3, 5)
    if level in (Augment.STANDARD, Augment.STRONG):
        assert len({once(e, i) for e in range(3) for i in range(3)}) == 9


@pytest.mark.parametrize("level", LEVELS)
def test_digits_are_never_mirrored_where_that_is_said(level: Augment) -> None:
    assert not any(draw(generator(0, 0, i), level, (28, 28), SPEC, mirror=False).mirror for i in range(50))
    assert not any(view(generator(0, 0, i), i, (28, 28), SPEC, mirror=False).mirror for i in range(50))


@pytest.mark.parametrize(
    ("classes", "answer"),
    [
        (["ants", "bees"], True),
        (["T-shirt/top", "Trouser", "Bag"], True),
        (["0 - zero", "1 - one"], False),
        ([str(n) for n in range(100)], False),
        (["A", "B", "space"], False),
        (["turn_left", "turn_right", "stop"], False),
        (["bright", "leftovers"], True),
        (["ä", "Ω"], False),
        ([], True),
    ],
)
def test_names_tell_whether_a_mirrored_picture_is_still_of_its_class(classes: list[str], answer: bool) -> None:
    assert augment.may_mirror(classes) is answer


def test_whether_pictures_may_be_mirrored_moves_no_other_parameter() -> None:
    for index in range(20):
        with_mirror, without = (
            draw(generator(0, 0, index), Augment.STRONG, (200, 150), SPEC, mirror=m) for m in (True, False)
        )
        assert dataclasses.replace(with_mirror, mirror=False) == without


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("size", [(200, 150), (97, 300), (1000, 70), (65, 65), (70, 1), (1, 1), (1, 40), (28, 28)])
def test_every_shape_of_picture_becomes_a_square(level: Augment, size: tuple[int, int]) -> None:
    image = photograph(*size)
    for index in range(10):
        pixels = apply(image, draw(generator(0, 0, index), level, size, SPEC), SPEC)
        assert pixels.shape == (96, 96, 3)
        assert pixels.dtype == np.uint8


def test_crops_of_photographs_never_reach_beyond_them_not_even_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "_beyond_edges", lambda *args: pytest.fail("pixels were made up"))
    image = photograph()
    for index in range(200):
        params = draw(generator(0, 0, index), Augment.STRONG, (200, 150), SPEC)
        apply(image, params, SPEC)
        corners = params.to_picture(96) @ np.array([[0, 96, 0, 96], [0, 0, 96, 96], [1, 1, 1, 1]])
        assert corners.min() > -1e-6
        assert (corners.max(axis=1) < np.array([200, 150]) + 1e-6).all()


def test_standard_keeps_at_least_half_of_an_upright_photograph() -> None:
    for index in range(200):
        params = draw(generator(0, 0, index), Augment.STANDARD, (200, 200), SPEC)
        x1, y1, x2, y2 = params.box
        # A crop of another shape than the picture is made smaller until it fits.
        assert (x2 - x1) * (y2 - y1) >= 0.5 * 200 * 200 * (1.0 if not params.turn else 0.75) * 0.75


def test_tiny_pictures_are_moved_by_whole_pixels_and_mirrored_at_their_edges() -> None:
    spec = InputSpec(32, 0, "bicubic", (0.0,) * 3, (1.0,) * 3)
    pixels = tiny()
    padded = np.pad(pixels, ((8, 8), (8, 8), (0, 0)), "reflect")
    moved = 0
    for index in range(30):
        drawn = draw(generator(0, 0, index), Augment.STANDARD, (32, 32), spec)
        params = Params(drawn.size, drawn.box)
        x, y = (int(n) for n in drawn.box[:2])
        moved += (x, y) != (0, 0)
        assert max(abs(x), abs(y)) <= 4
        assert np.array_equal(apply(pixels, params, spec), padded[8 + y : 40 + y, 8 + x : 40 + x])
    assert moved > 20


def test_grey_arrays_are_taken_as_they_are() -> None:
    grey = tiny()[..., 0]
    params = draw(generator(0, 0, 3), Augment.STANDARD, (32, 32), SPEC, mirror=False)
    assert np.array_equal(apply(grey, params, SPEC), apply(np.stack([grey] * 3, axis=-1), params, SPEC))


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("turn", [0.0, 12.0, -30.0])
@pytest.mark.parametrize("size", [(200, 150), (48, 48)])
def test_a_point_of_the_square_is_found_in_the_picture(size: tuple[int, int], turn: float, mirror: bool) -> None:
    """A bright spot is seen where `to_picture` says: masks and boxes can follow."""
    y, x = (size[1] * 2 // 5, size[0] * 11 // 20)
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    reach = max(1, size[0] // 50)
    pixels[y - reach : y + reach + 1, x - reach : x + reach + 1] = 255
    box = (0.2 * size[0], 0.15 * size[1], 0.8 * size[0], 0.8 * size[1])
    params = Params(size, box, mirror=mirror, turn=turn)
    seen = apply(pixels, params, SPEC)[..., 0].astype(float)
    across, down = np.meshgrid(np.arange(96) + 0.5, np.arange(96) + 0.5)
    centre = np.array([(seen * across).sum(), (seen * down).sum(), seen.sum()]) / seen.sum()
    assert np.abs(params.to_picture(96) @ centre - (x + 0.5, y + 0.5)).max() < 0.25


def test_colours_change_as_torchvision_changes_them() -> None:
    from torchvision.transforms.v2 import functional

    image = photograph()
    # Away from black and white, where either of them clips, and torchvision does so after each step.
    image = image.point(lambda value: 80 + value // 4)
    box = (0.0, 0.0, 200.0, 150.0)
    plain = Image.fromarray(apply(image, Params(image.size, box), SPEC))
    for brightness, contrast, saturation in [(1.2, 1, 1), (1, 0.7, 1), (1, 1, 1.4), (1.1, 0.8, 0.6)]:
        ours = apply(image, Params(image.size, box, colour=(brightness, contrast, saturation)), SPEC)
        theirs = functional.adjust_contrast(
            functional.adjust_brightness(functional.adjust_saturation(plain, saturation), brightness), contrast
        )
        assert np.abs(ours.astype(int) - np.asarray(theirs)).max() <= 2


def test_hue_turns_colours_and_leaves_greys() -> None:
    grey = np.full((70, 70, 3), 90, np.uint8)
    params = Params((70, 70), (0.0, 0.0, 70.0, 70.0), hue=120.0)
    assert np.array_equal(apply(grey, params, SPEC)[0, 0], (90, 90, 90))
    red = grey * np.array([1, 0, 0], np.uint8)
    assert np.array_equal(apply(red, params, SPEC)[0, 0], (0, 90, 0))


def test_what_is_erased_has_the_mean_colour() -> None:
    params = Params((200, 150), (0.0, 0.0, 200.0, 150.0), erase=(0.25, 0.5, 0.5, 1.0))
    pixels = apply(photograph(), params, SPEC)
    assert (pixels[48:, 24:48] == (124, 116, 104)).all()
    assert not (pixels[:48] == (124, 116, 104)).all(axis=-1).any()


def test_view_0_is_the_plain_picture_and_view_1_its_mirror_image() -> None:
    image = photograph()
    plain = apply(image, draw(generator(0, 0, 0), Augment.NONE, image.size, SPEC), SPEC)
    first, second, third = (apply(image, view(generator(1, 0, n), n, image.size, SPEC), SPEC) for n in range(3))
    assert np.array_equal(first, plain)
    assert np.array_equal(second, plain[:, ::-1])
    assert not np.array_equal(third, plain)


def test_parameters_of_a_picture_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="200, 150"):
        apply(tiny(), Params((200, 150), (0.0, 0.0, 10.0, 10.0)), SPEC)


def test_mixed_targets_are_the_shares_of_what_is_seen() -> None:
    import torch

    # Picture i shows its own number everywhere, so that the mean of what is seen tells the shares.
    pictures = torch.arange(1.0, 9.0)[:, None, None, None].expand(8, 3, 40, 40)
    targets = torch.eye(8)
    before, unmixed, pasted = pictures.clone(), 0, 0
    for step in range(40):
        seen, shares = augment.mix(pictures, targets, generator(0, 0, step), mixup=1.0)
        unmixed += torch.equal(seen, before)
        pasted += len(seen[0].unique()) == 2
        assert torch.allclose(shares.sum(1), torch.ones(8))
        assert torch.allclose(seen.mean((1, 2, 3)), shares @ torch.arange(1.0, 9.0), atol=1e-5)
    assert torch.equal(pictures, before)
    assert 10 <= unmixed <= 30
    assert pasted >= 4


def test_a_batch_of_one_picture_has_nothing_to_be_mixed_with() -> None:
    import torch

    picture, target = torch.ones(1, 3, 8, 8), torch.ones(1, 2)
    mixed = augment.mix(picture, target, generator(0, 0, 0), probability=1.0)
    assert torch.equal(mixed[0], picture)
    assert torch.equal(mixed[1], target)
