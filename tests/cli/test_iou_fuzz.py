"""`vision iou` on damaged files of every format: a result or a sentence, never a traceback, a hang or a NaN.

A valid comparison is written, its files are damaged (a value replaced by an odd one, a key dropped or doubled, bytes
flipped, cut or spliced), and the command runs in this process. The suite tries a few dozen of them. To try more:

    VISION_IOU_FUZZ=20000 python -m pytest tests/cli/test_iou_fuzz.py

What failed is named by its case and seed, and `attempt(folder, case, seed)` repeats it.
"""

import copy
import io
import json
import math
import os
import random
import re
import signal
import struct
import threading
import warnings

import numpy as np
import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from visioncli.cli.iou import IouCommand, iou
from visioncli.cli.streams import printable
from visioncli.errors import VisionError
from visioncli.geometry.keypoints import NAMES

EXAMPLES = int(os.environ.get("VISION_IOU_FUZZ", "40"))
SECONDS = 20
STATUSES = {0, 2, 3, 5}

NASTY = [
    None, True, False, 0, -1, 1, 2, 17, 255, 0.5, -0.5, 1e-300, 1e300, -1e300, 1e12, 1e13, 2**31, 2**32,
    2**63, -(2**63), 2**64, 10**400, math.nan, math.inf, -math.inf, "", " ", "0", "-1", "1e999", "nan",
    "\u00b2", "\u0663", "9" * 5000, "\x1b[31mred", "a\rb", "a\nb", "\x00", "\ud800", "\ufeff", "\u202e",
    "x" * 300, "../../etc/passwd", "cat", "a.jpg", [], [[]], [1], [1, 2, 3, 4], [1, 2, 3, 4, 5, 6],
    [math.nan] * 4, [1e308] * 4, ["1", "2", "3", "4"], [None] * 4, {}, {"id": 1}, {"a": {"b": []}},
    {"size": [2, 2], "counts": [4]}, {"size": [2**40, 2**40], "counts": [2**63, 2**63]},
    {"size": [10, 10], "counts": "0"}, [[1e5, -1e5] * 50],
]  # fmt: skip
CELLS = [
    "", " ", "nan", "inf", "-1", "1e999", "\u00b2", "\u0663", "9" * 5000, "1_0", "x", '"', ",", "\n", "\r",
    "\0", "\x1b[31m", "<", "&amp;", "&lol;", "\ufeff", "0x10", "1e300", "1e13", "-0", "100000000: cup",
    "y" * 140_000, "true", "=", ": ", "- ", '<!DOCTYPE a [<!ENTITY lol "lol">]>',
    '<?xml version="1.0" encoding="cp037"?>', "<object>" * 50, "[" * 2000,
]  # fmt: skip
TRUTH = {
    "images": [
        {"id": 7, "file_name": "a.jpg", "width": 40, "height": 30},
        {"id": 3, "file_name": "x/b.jpg", "width": 40, "height": 30},
    ],
    "categories": [{"id": 1, "name": "cat"}, {"id": 90, "name": "dog"}],
    "annotations": [
        {"id": 0, "image_id": 7, "category_id": 1, "bbox": [1, 1, 20, 20], "area": 400, "iscrowd": 0},
        {
            "id": 2,
            "image_id": 7,
            "category_id": 90,
            "bbox": [5, 10, 20, 10],
            "area": 200.0,
            "iscrowd": 1,
            "ignore": 0,
        },
        {"id": 5, "image_id": 3, "category_id": 1, "bbox": [2.5, 3, 8, 9.5], "iscrowd": 0},
    ],
}
FOUND = [
    {"image_id": 7, "category_id": 90, "bbox": [5, 10, 20, 9], "score": 0.8},
    {"image_id": 7, "category_id": 1, "bbox": [1, 2, 20, 20], "score": 0.9},
    {"image_id": 3, "category_id": 90, "bbox": [2, 3, 8, 9], "score": 0.25},
]
POLYGON = [[2.0, 2.0, 20.0, 2.0, 20.0, 18.0, 2.0, 18.0]]
RUNS = {"size": [30, 40], "counts": [300, 20, 10, 20, 850]}
POINTS = [v for k in range(17) for v in (k + 1, 2 * k % 25, 2)]


def with_masks(rows):
    masks = [POLYGON, RUNS, {"size": [30, 40], "counts": "f94P1"}]
    return [row | {"segmentation": masks[i % 2]} for i, row in enumerate(rows)]


def records(rows, **extra):
    """The detections as our own records."""
    out = []
    for image in TRUTH["images"]:
        found = [
            {
                "label": "cat" if r["category_id"] == 1 else "dog",
                "label_id": r["category_id"],
                "score": r["score"],
                "box": [*r["bbox"][:2], r["bbox"][0] + r["bbox"][2], r["bbox"][1] + r["bbox"][3]],
            }
            | extra
            for r in rows
            if r["image_id"] == image["id"]
        ]
        body = {"schema": "vision/1", "task": "detect", "input": image["file_name"], "width": 40, "height": 30}
        out.append(body | {"predictions": found, "error": None})
    return out


class Bench:
    """A folder to write files into, more or less damaged: `text` and `json` their structure, all of them their bytes.

    Half of the attempts damage one thing only, since whatever is wrong hides what comes after it.
    """

    def __init__(self, folder, rng):
        self.folder, self.rng = folder, rng
        self.share = rng.choice([0.0, 0.15, 0.5, 0.8])
        self.turn = rng.randrange(3)

    def hit(self):
        """Whether to damage what is written now."""
        self.turn -= 1
        return self.turn == -1 if self.share == 0 else self.rng.random() < self.share

    def bytes(self, name, data):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.rng.random() < self.share / 3:
            data = damaged_bytes(self.rng, data)
        path.write_bytes(data)
        return path

    def text(self, name, text):
        if self.hit():
            text = damaged_text(self.rng, text)
        return self.bytes(name, text.encode("utf-8", "surrogatepass"))

    def json(self, name, body, lines=False):
        body = copy.deepcopy(body)
        for _ in range(self.rng.choice([1, 1, 2, 4]) if self.hit() else 0):
            body = damaged_value(self.rng, body)
        if lines and isinstance(body, list):
            return self.bytes(
                name, "".join(dumped(self.rng, row) + "\n" for row in body).encode("utf-8", "surrogatepass")
            )
        return self.bytes(name, dumped(self.rng, body).encode("utf-8", "surrogatepass"))


def dumped(rng, body):
    return json.dumps(body, ensure_ascii=rng.random() < 0.8)


def damaged_bytes(rng, data):
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 8])):
        at, kind = rng.randrange(len(data) + 1), rng.randrange(7)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[at:]
        elif kind == 2:
            del data[at : at + rng.randrange(20)]
        elif kind == 3:
            data[at:at] = data[: rng.randrange(60)]
        elif kind == 4:
            data[at:at] = rng.choice(
                [b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\x1b[2J", b"\x80", struct.pack("<d", 1e300)]
            )
        elif kind == 5 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 6 and rng.random() < 0.2:
            data = bytearray(
                data.decode("utf-8", "replace").encode(rng.choice(["utf-16", "utf-32", "cp037"]), "replace")
            )
    return bytes(data)


def damaged_text(rng, text):
    """One word or line is replaced, doubled, dropped or moved."""
    parts = re.split(r"([\s,<>=:]+)", text)
    for _ in range(rng.choice([1, 1, 2, 4])):
        at, kind = rng.randrange(len(parts)), rng.randrange(5)
        if kind <= 1:
            parts[at] = rng.choice(CELLS)
        elif kind == 2:
            parts[at] = ""
        elif kind == 3:
            parts[at] = parts[at] * 2
        else:
            other = rng.randrange(len(parts))
            parts[at], parts[other] = parts[other], parts[at]
    return "".join(parts)


def damaged_value(rng, body):
    """One value anywhere in a JSON value replaced, a key dropped or doubled, two values swapped, or a deep nest."""
    places = []

    def walk(value):
        children = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
        for key, child in children:
            places.append((value, key))
            if isinstance(child, dict | list) and child:
                walk(child)

    if not isinstance(body, dict | list) or not body:
        return rng.choice(NASTY)
    walk(body)
    home, key = rng.choice(places)
    kind = rng.randrange(10)
    if kind <= 4:
        home[key] = copy.deepcopy(rng.choice(NASTY))
    elif kind == 5:
        del home[key]
    elif kind == 6:
        if isinstance(home, list):
            home.insert(key, copy.deepcopy(home[key]))
        else:
            home[f"{key} "] = home.pop(key)
    elif kind == 7:
        other, place = rng.choice(places)
        home[key] = (
            copy.deepcopy(other[place]) if place in other or (isinstance(other, list) and len(other) > place) else 1
        )
    elif kind == 8:
        value = home[key]
        home[key] = str(value) if not isinstance(value, str) else [value]
    else:
        nest = []
        for _ in range(rng.choice([5, 100])):
            nest = [nest]
        home[key] = nest
    return body


def coco(bench, kind=""):
    truth, found, words = TRUTH, FOUND, []
    if kind == "masks":
        truth = TRUTH | {"annotations": with_masks(TRUTH["annotations"])}
        found, words = with_masks(FOUND), ["--masks"]
    if kind == "keypoints":
        add = {"keypoints": POINTS, "num_keypoints": 17}
        truth = TRUTH | {"annotations": [a | add for a in TRUTH["annotations"]]}
        found, words = [f | {"keypoints": POINTS} for f in FOUND], ["--keypoints"]
    return [bench.json("truth.json", truth), bench.json("found.json", found), *words]


def jsonl(bench, kind=""):
    extra, words = {}, []
    if kind == "masks":
        extra, words = {"mask": RUNS}, ["--masks"]
    if kind == "keypoints":
        extra = {"keypoints": [{"name": n, "x": k, "y": k, "score": 0.5} for k, n in enumerate(NAMES)]}
        words = ["--keypoints"]
    rows = records(FOUND, **extra)
    truth = coco(bench, kind)[0] if bench.rng.random() < 0.5 else bench.json("t.jsonl", rows, lines=True)
    whole = bench.rng.random() < 0.3
    return [truth, bench.json("p.json" if whole else "p.jsonl", rows, lines=not whole), *words]


def csv(bench, kind=""):
    head, rows = "input,label,label_id,score,x1,y1,x2,y2\n", ""
    for r in FOUND:
        x, y, w, h = r["bbox"]
        label = {1: "cat", 90: "dog"}[r["category_id"]]
        name = {7: "a.jpg", 3: "x/b.jpg"}[r["image_id"]]
        rows += f'{name},"{label}",{r["category_id"]},{r["score"]},{x},{y},{x + w},{y + h}\n'
    rows += "c.jpg,,,,,,,\n"
    name = bench.rng.choice(["t.csv", "t"])
    return [bench.text(name, head + rows), bench.text("p.csv", head + rows)]


def yolo(bench, kind=""):
    names = bench.rng.choice(["classes.txt", "data.yaml"])
    listed = (
        "cat\ndog\n"
        if names == "classes.txt"
        else bench.rng.choice(
            ["names:\n  0: cat\n  1: dog\nnc: 2\n", "names: [cat, 'dog']\n", "names:\n- cat\n- dog\n"]
        )
    )
    bench.text(f"t/{names}", listed)
    bench.text(f"p/{names}", listed)
    shapes = "0 .2 .2 .2 .2\n1 .5 .5 .5 .5\n"
    words = []
    if kind == "masks":
        shapes, words = "0 .1 .1 .5 .1 .5 .5\n1 .2 .2 .9 .2 .9 .9\n", ["--masks"]
    bench.text("t/a.txt", shapes)
    bench.text("p/a.txt", "".join(f"{line} 0.7\n" for line in shapes.splitlines()))
    bench.text("t/x/b.txt", "")
    images = bench.json("sizes.json", {"images": TRUTH["images"]})
    return [bench.folder / "t", bench.folder / "p", "--images", images, *words]


def voc(bench, kind=""):
    def annotation(score):
        things = "".join(
            f"<object><name>{name}</name>{score}<difficult>0</difficult><bndbox><xmin>{k}</xmin><ymin>2</ymin>"
            f"<xmax>2{k}</xmax><ymax>19</ymax></bndbox></object>"
            for k, name in enumerate(("cat", "dog"))
        )
        size = "<size><width>40</width><height>30</height><depth>3</depth></size>"
        head = bench.rng.choice(["", '<?xml version="1.0" encoding="utf-8"?>\n'])
        return f"{head}<annotation><filename>a.jpg</filename>{size}{things}</annotation>"

    bench.text("t/a.xml", annotation(""))
    bench.text("p/a.xml", annotation("<score>0.5</score>"))
    return [bench.folder / "t", bench.folder / "p", *(["--inclusive"] if bench.rng.random() < 0.3 else [])]


def label_maps(bench, kind=""):
    for side in ("t", "p"):
        file = io.BytesIO()
        values = np.array(bench.rng.choices([0, 1, 2, 255], k=48)).reshape(6, 8)
        image = Image.fromarray(values.astype(np.uint8))
        if bench.rng.random() < 0.3:
            image = Image.fromarray((values * 250).astype(np.uint16))
        image.save(file, bench.rng.choice(["PNG", "TIFF"]))
        data = file.getvalue()
        bench.bytes(f"{side}/a.png", damaged_bytes(bench.rng, data) if bench.hit() else data)
    return [bench.folder / "t", bench.folder / "p"]


CASES = {
    "coco boxes": coco,
    "coco masks": lambda b: coco(b, "masks"),
    "coco keypoints": lambda b: coco(b, "keypoints"),
    "jsonl boxes": jsonl,
    "jsonl masks": lambda b: jsonl(b, "masks"),
    "jsonl keypoints": lambda b: jsonl(b, "keypoints"),
    "csv": csv,
    "yolo boxes": yolo,
    "yolo masks": lambda b: yolo(b, "masks"),
    "voc": voc,
    "label maps": label_maps,
}
OPTIONS = [
    [], ["--json"], ["--per-image", "-"], ["--only", "AP,AP50,mean_iou"], ["--engine", "numpy", "--json"],
    ["--skip-unknown"], ["--engine", "pycocotools", "--json", "--skip-unknown"],
    ["--iou", "0.3", "--score", "0.3"], ["--fail-under", "recall=2"], ["--skip-unknown", "--per-image", "-"],
]  # fmt: skip

app = typer.Typer()
app.command("iou", cls=IouCommand)(iou)
app.callback()(lambda: None)


class Hangs(Exception):
    """The command took longer than SECONDS."""


def attempt(folder, case, seed):
    """Damage one comparison, run it, and say how it ended: an exit status."""
    rng = random.Random(seed)
    words = CASES[case](Bench(folder, rng)) + rng.choice(OPTIONS)
    if rng.random() < 0.02:
        words += ["--plots", folder / "plots"]

    def stop(*_):
        raise Hangs

    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGALRM, stop) if main else None
    if main:
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # an overflow or a division by zero is a wrong number
            result = CliRunner().invoke(app, ["iou", *map(str, words)])
    finally:
        if main:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
    problem = result.exception
    if isinstance(problem, VisionError):
        sentence = str(problem)
        assert sentence and sentence == printable(sentence), sentence
        assert len(sentence) < 3000, sentence
        status = int(problem.status)
    elif problem is not None and not isinstance(problem, SystemExit):
        raise problem
    else:
        status = result.exit_code
    assert status in STATUSES, (status, result.output)
    for line in result.stderr.splitlines() if not isinstance(problem, VisionError) else []:
        assert line == printable(line), line
    if status in (0, 5):
        check_output(result.stdout, words)
    return status


def check_output(text, words):
    if "--json" in words or "--per-image" in words:
        for line in text.splitlines():
            json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))
    else:
        assert "\x1b" not in text and "\r" not in text, text


@settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(CASES)), st.integers(0, 2**48))
def test_damaged_files_give_a_result_or_a_sentence(tmp_path_factory, case, seed):
    folder = tmp_path_factory.mktemp("fuzz")
    attempt(folder, case, seed)
