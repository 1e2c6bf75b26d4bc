from pathlib import Path

import numpy as np
from PIL import Image

from sinks.samples import folder, outcome, record, ring, segment
from visioncli.render.colours import voc_palette
from visioncli.sinks.masks import MaskSink


def test_pixels_are_class_ids_and_the_palette_is_pascal_vocs(tmp_path: Path) -> None:
    out = folder(tmp_path, "a/cat.jpg")
    classes = ring().astype(np.uint8) * 8
    body = record("segment", "a/cat.jpg", segment(ring()))
    files = MaskSink().write(outcome(body, arrays={"classes": classes}), out, "a/cat.jpg")
    assert files == {"mask": str(tmp_path / "out" / "a" / "cat.jpg.mask.png")}
    with Image.open(files["mask"]) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "P", (120, 100))
        np.testing.assert_array_equal(np.asarray(image), classes)
        # Colours as the VOC development kit gives them: background, aeroplane, bicycle, cat.
        palette = image.getpalette() or []
        assert [tuple(palette[3 * i : 3 * i + 3]) for i in (0, 1, 2, 8)] == [
            (0, 0, 0),
            (128, 0, 0),
            (0, 128, 0),
            (64, 0, 0),
        ]
        assert np.asarray(image.convert("RGB"))[15, 15].tolist() == [64, 0, 0]


def test_instances_are_numbered_as_in_the_record(tmp_path: Path) -> None:
    out = folder(tmp_path, "cat.jpg")
    one, two = np.zeros((100, 120), bool), np.zeros((100, 120), bool)
    one[:50], two[60:] = True, True
    body = record(
        "segment",
        "cat.jpg",
        *(segment(m, score=0.5, box=(0, 0, 1, 1), approximate=True) for m in (one, two)),
        approximate=True,
    )
    files = MaskSink().write(outcome(body, arrays={"classes": one.astype(np.uint8)}), out, "cat.jpg")
    assert files["instances"].endswith("cat.jpg.instances.png")
    with Image.open(files["instances"]) as image:
        values = np.asarray(image)
        assert image.mode == "P"
    np.testing.assert_array_equal(values, one * 1 + two * 2)


def test_a_foreground_is_its_alpha_in_grey(tmp_path: Path) -> None:
    out = folder(tmp_path, "cat.jpg")
    alpha = np.arange(12000, dtype=np.uint32).reshape(100, 120).astype(np.uint8)
    body = record("segment", "cat.jpg")
    files = MaskSink().write(outcome(body, arrays={"alpha": alpha, "classes": alpha}), out, "cat.jpg")
    with Image.open(files["mask"]) as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), alpha)


def test_the_palette_has_256_colours_that_all_differ() -> None:
    palette = voc_palette()
    assert len({tuple(palette[n : n + 3]) for n in range(0, 768, 3)}) == 256
    assert tuple(palette[-3:]) == (224, 224, 192)  # the "void" of VOC's label pictures
