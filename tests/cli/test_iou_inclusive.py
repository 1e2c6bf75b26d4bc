"""`vision iou --inclusive` against the procedure of the Pascal VOC development kit, written here a second time."""

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from visioncli.cli.iou import IouCommand, iou
from visioncli.errors import VisionError

CLASSES = ("cat", "dog")


@pytest.fixture
def vision():
    app = typer.Typer()
    app.command("iou", cls=IouCommand)(iou)
    app.callback()(lambda: None)
    return lambda *words: CliRunner().invoke(app, ["iou", *map(str, words)])


def overlap(a, b):
    """Of two boxes whose corners name pixels (VOCevaldet.m)."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]) + 1, min(a[3], b[3]) - max(a[1], b[1]) + 1
    if wide <= 0 or high <= 0:
        return 0.0
    areas = [(c[2] - c[0] + 1) * (c[3] - c[1] + 1) for c in (a, b)]
    return wide * high / (areas[0] + areas[1] - wide * high)


def average_precision(truth, found, least):
    """By 11 points and by all points. truth: (picture, box, difficult); found: (picture, box, score)."""
    taken, right = set(), []
    for picture, box, _ in sorted(found, key=lambda f: -f[2]):
        best, at = -1.0, None
        for j, (other, true, _) in enumerate(truth):
            if other == picture and overlap(box, true) > best:
                best, at = overlap(box, true), j
        if at is not None and best >= least:
            if truth[at][2]:
                continue
            right.append(at not in taken)
            taken.add(at)
        else:
            right.append(False)
    total = sum(not t[2] for t in truth)
    hits = np.cumsum(right)
    recall, precision = hits / total, hits / np.arange(1, len(hits) + 1)
    eleven = sum(max(precision[recall >= t - 1e-12], default=0) for t in np.linspace(0, 1, 11)) / 11
    recall, precision = np.r_[0, recall, 1], np.r_[0, precision, 0]
    for i in range(len(precision) - 2, -1, -1):
        precision[i] = max(precision[i], precision[i + 1])
    steps = np.flatnonzero(recall[1:] != recall[:-1]) + 1
    return eleven, float(((recall[steps] - recall[steps - 1]) * precision[steps]).sum())


def write(folder, rows):
    """One XML a picture; rows: picture, class, box, and a score or whether it is difficult."""
    folder.mkdir()
    for picture in sorted({r[0] for r in rows} | set(range(6))):
        things = "".join(
            f"<object><name>{label}</name>"
            + (f"<difficult>{int(last)}</difficult>" if isinstance(last, bool) else f"<score>{last!r}</score>")
            + "<bndbox>"
            + "".join(f"<{c}>{v}</{c}>" for c, v in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
            + "</bndbox></object>"
            for other, label, box, last in rows
            if other == picture
        )
        (folder / f"{picture}.xml").write_text(f"<annotation><filename>{picture}.jpg</filename>{things}</annotation>")
    return folder


def comparison(seed):
    """Small boxes, where a pixel more counts for much."""
    rng = np.random.default_rng(seed)

    def box():
        x, y, w, h = (int(v) for v in rng.integers((1, 1, 0, 0), (25, 25, 12, 12)))
        return x, y, x + w, y + h

    truth = [
        (int(rng.integers(6)), CLASSES[int(rng.integers(2))], box(), bool(rng.random() < 0.15)) for _ in range(40)
    ]
    truth += [(0, label, (1, 1, 5, 5), False) for label in CLASSES]
    found = []
    for picture, label, true, _ in truth:
        for _ in range(2):
            x1, y1, x2, y2 = (v + int(rng.integers(-2, 3)) for v in true)
            found.append((picture, label, (x1, y1, max(x1, x2), max(y1, y2)), float(rng.random())))
    return truth, found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("least", [0.3, 0.5])
def test_voc_numbers_are_those_of_the_development_kit(tmp_path, vision, seed, least):
    truth, found = comparison(seed)
    files = write(tmp_path / "t", truth), write(tmp_path / "p", found)
    body = json.loads(vision(*files, "--inclusive", "--iou", least, "--json").stdout)
    expected = [
        average_precision(
            [(p, b, x) for p, k, b, x in truth if k == c], [(p, b, s) for p, k, b, s in found if k == c], least
        )
        for c in CLASSES
    ]
    assert body["inclusive"] is True
    assert [body["voc"][n] for n in ("voc_ap11", "voc_ap")] == pytest.approx(
        np.mean(expected, axis=0).tolist(), abs=1e-9
    )
    plain = json.loads(vision(*files, "--iou", least, "--json").stdout)
    assert plain["inclusive"] is False and plain["voc"] != body["voc"]


def test_every_other_number_is_that_of_boxes_a_pixel_wider(tmp_path, vision):
    """COCO's numbers too: they are those of the COCO files that converters make of VOC, width = xmax - xmin + 1."""
    truth, found = comparison(9)
    files = write(tmp_path / "t", truth), write(tmp_path / "p", found)

    def wider(rows):
        return [(p, k, (x1, y1, x2 + 1, y2 + 1), last) for p, k, (x1, y1, x2, y2), last in rows]

    others = write(tmp_path / "wide-t", wider(truth)), write(tmp_path / "wide-p", wider(found))
    ours, theirs = (
        json.loads(vision(*pair, *words, "--json").stdout) for pair, words in ((files, ["--inclusive"]), (others, []))
    )
    for part in ("coco", "voc", "total", "classes", "confusion"):
        assert ours[part] == theirs[part], part


def test_one_pixel_is_a_box_and_a_csv_of_corners_may_stand_beside(tmp_path, vision):
    truth = write(tmp_path / "t", [(0, "cat", (3, 3, 3, 3), False)])
    (tmp_path / "p.csv").write_text("image,label,score,xmin,ymin,xmax,ymax\n0.jpg,cat,.5,3,3,4,3\n")
    result = vision(truth, tmp_path / "p.csv", "--inclusive", "--only", "mean_iou")
    assert float(result.stdout) == 0.5
    assert "last pixels included" in vision(truth, tmp_path / "p.csv", "--inclusive").stdout.splitlines()[0]


def test_where_no_last_pixel_can_be_included_the_option_is_refused(tmp_path, vision):
    truth = write(tmp_path / "t", [(0, "cat", (3, 3, 9, 9), False)])
    (tmp_path / "p.json").write_text("[]")
    (tmp_path / "p.csv").write_text("image,label,score,x,y,w,h\n0.jpg,cat,.5,3,3,4,3\n")

    def refused(*words):
        problem = vision(*words, "--inclusive").exception
        assert isinstance(problem, VisionError)
        return str(problem), int(problem.status)

    assert refused(truth, tmp_path / "p.json") == (
        f"--inclusive counts the last pixel of both sides, as Pascal does, but {tmp_path}/p.json is coco, "
        "whose boxes end between pixels; give VOC files (or a CSV of corners) on both sides.",
        2,
    )
    assert "neither side is one" in refused(tmp_path / "p.csv", tmp_path / "p.csv")[0]
    assert "holds widths and heights" in refused(truth, tmp_path / "p.csv")[0]
    assert "--masks does not compare boxes" in refused(truth, truth, "--masks")[0]
    assert "--keypoints does not compare boxes" in refused(truth, truth, "--keypoints")[0]
    assert "is for files" in refused("0,0,1,1", "0,0,1,1")[0]
