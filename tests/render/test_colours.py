import numpy as np
import pytest

from visioncli.models.labels import load_labels
from visioncli.render.canvas import Colour
from visioncli.render.colours import class_colour, ink_on, object_colour


def luminance(colour: tuple[int, int, int]) -> float:
    """Relative luminance by WCAG 2."""
    parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def oklab(colours: list[Colour]) -> np.ndarray:
    """OKLab `(N, 3)` of sRGB colours (Ottosson 2020)."""
    rgb = np.array(colours) / 255
    light = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_lms = np.array([(0.4122, 0.5363, 0.0514), (0.2119, 0.6807, 0.1074), (0.0883, 0.2817, 0.6300)])
    to_lab = np.array([(0.2105, 0.7936, -0.0041), (1.9780, -2.4286, 0.4506), (0.0259, 0.7828, -0.8087)])
    return np.cbrt(light @ to_lms.T) @ to_lab.T


def apart(a: Colour, b: Colour) -> float:
    first, second = oklab([a, b])
    return float(np.linalg.norm(first - second))


def named(label: str) -> Colour:
    return class_colour(label, 0)


@pytest.mark.parametrize(
    ("voc", "coco"),
    [
        *(("person", "person"), ("diningtable", "dining table"), ("tvmonitor", "tv"), ("sofa", "couch")),
        *(("aeroplane", "airplane"), ("motorbike", "motorcycle"), ("pottedplant", "potted plant"), ("Cat", "cat")),
    ],
)
def test_a_class_has_one_colour_by_whatever_name_or_number_a_data_set_knows_it(voc: str, coco: str) -> None:
    assert class_colour(voc, 15) == class_colour(coco, 1)


def test_every_class_of_pascal_voc_has_its_colour_of_coco() -> None:
    colours = [class_colour(name, 0) for name in list(load_labels("voc").values())[1:]]
    assert len(set(colours)) == 20 and set(colours) <= {named(name) for name in load_labels("coco").values()}


def test_all_classes_differ_and_neighbours_clearly() -> None:
    colours = [class_colour(name, i) for i, name in load_labels("coco").items()]
    lab = oklab(colours)
    distances = np.linalg.norm(lab[:, None] - lab[None], axis=2) + 9 * np.eye(80)
    assert distances.min() > 0.045  # a just noticeable difference is about 0.02
    assert min(distances[n, n + 1] for n in range(79)) > 0.1
    assert distances[0].min() > 0.15  # people are in most pictures


@pytest.mark.parametrize(
    "pair",
    [
        ("car", "truck"),
        ("car", "bus"),
        ("cat", "dog"),
        ("knife", "fork"),
        ("cow", "sheep"),
        ("cup", "bowl"),
        ("tv", "laptop"),
    ],
)
def test_classes_that_are_often_together_look_different(pair: tuple[str, str]) -> None:
    assert apart(named(pair[0]), named(pair[1])) > 0.15


def test_classes_of_a_users_own_differ_from_each_other_and_from_people() -> None:
    colours = [named("person"), *(class_colour(f"widget {n}", n) for n in range(12))]
    assert min(apart(a, b) for n, a in enumerate(colours) for b in colours[n + 1 :]) > 0.07
    assert len({class_colour(f"widget {n}", n) for n in range(200)}) == 200


def test_objects_of_a_class_have_shades_of_its_colour() -> None:
    colour = named("person")
    shades = [object_colour(colour, n) for n in range(5)]
    assert shades[0] == colour and len(set(shades)) == 5


@pytest.mark.parametrize("label_id", range(0, 100))
def test_letters_can_be_read_on_every_colour(label_id: int) -> None:
    colour = class_colour(f"widget {label_id}", label_id)
    light, dark = sorted((luminance(colour), luminance(ink_on(colour))), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5
