import numpy as np
import pytest
from PIL import Image

from visioncli.errors import OutputError
from visioncli.metrics.report import ConfusionTable, Counts, PrecisionRecall, Report
from visioncli.render.evaluation_plots import MEAN, confusion, draw_plots, precision_recall


def small_report():
    counts = Counts(truth=1, matched=1, missed=0, spurious=0, mean_iou=0.8)
    table = ConfusionTable(("cat",), np.array([[1, 0], [0, 0]]))
    return Report("boxes", "t", "p", 1, 0.5, 0.0, "numpy", counts, {}, {}, (), table, (curve("all classes", 1.0),))


def curve(label, level):
    return PrecisionRecall(label, np.full(101, level), level)


@pytest.mark.parametrize("classes", [0, 1, 10, 11, 80])
def test_curves_of_any_number_of_classes_fit_the_sheet(classes):
    lines = tuple(curve(f"class {k} " + "long " * 20, 0.3) for k in range(classes))
    picture = precision_recall((curve("all classes", 0.5), *lines) if classes else (), "boxes")
    assert picture.size == (842, 648)
    edge = np.asarray(picture)[:, -6:]
    assert (edge == 255).all()


def test_the_mean_line_is_where_its_precision_is():
    picture = precision_recall((curve("all classes", 0.5), curve("cat", 0.25)), "boxes")
    # Reducing the sheet overshoots a little at the edges of a line.
    assert np.allclose(picture.getpixel((64 + 260, 64 + 260)), MEAN, atol=12)


@pytest.mark.parametrize("classes", [0, 1, 3, 40, 130])
def test_confusion_tables_of_any_size_can_be_drawn(classes):
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 2_000_000, (classes + 1, classes + 1))
    labels = tuple(f"класс {k} " + "x" * k for k in range(classes))
    picture = confusion(ConfusionTable(labels, counts), ("missed", "spurious"), "matched at 0.5")
    assert max(picture.size) < 2400


def test_a_file_in_place_of_the_folder_is_a_sentence(tmp_path):
    (tmp_path / "plots").write_text("")
    with pytest.raises(OutputError, match="is a file, not a folder"):
        draw_plots(small_report(), tmp_path / "plots")
    paths = draw_plots(small_report(), tmp_path / "new/plots")
    assert [p.name for p in paths] == ["precision_recall.png", "confusion.png"]
    for path in paths:
        Image.open(path).verify()
    assert sorted(p.name for p in (tmp_path / "new/plots").iterdir()) == ["confusion.png", "precision_recall.png"]


def test_labels_with_line_ends_and_halves_of_characters_are_drawn():
    labels = ("a\nb", "\x1b[31mred", "\ud800", "x" * 100_000)
    table = ConfusionTable(labels, np.ones((5, 5), np.int64))
    assert max(confusion(table, ("missed", "spurious"), "matched at 0.5").size) < 2400
    assert precision_recall(tuple(curve(label, 0.5) for label in ("all classes", *labels)), "boxes").size == (
        842,
        648,
    )


def test_thousands_of_classes_draw_the_first_thousand():
    lines = tuple(curve(f"class {k}", 0.3) for k in range(1200))
    assert precision_recall((curve("all classes", 0.5), *lines), "boxes").size == (842, 648)
