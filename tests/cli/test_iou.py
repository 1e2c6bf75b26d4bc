"""`vision iou` as a whole command, through Typer in this process and as a process of its own."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from visioncli.cli.iou import IouCommand, iou
from visioncli.errors import VisionError

TRUTH = {
    "images": [{"id": 7, "file_name": "a.jpg", "width": 100, "height": 80}, {"id": 3, "file_name": "b.jpg"}],
    "categories": [{"id": 1, "name": "cat"}, {"id": 90, "name": "dog"}],
    "annotations": [
        {"id": 0, "image_id": 7, "category_id": 1, "bbox": [10, 10, 20, 20]},
        {"id": 2, "image_id": 7, "category_id": 90, "bbox": [50, 10, 20, 30]},
    ],
}
FOUND = [
    {"image_id": 7, "category_id": 90, "bbox": [50, 10, 20, 24], "score": 0.8},
    {"image_id": 7, "category_id": 1, "bbox": [10, 10, 20, 20], "score": 0.9},
]


@pytest.fixture
def vision():
    app = typer.Typer()
    app.command("iou", cls=IouCommand)(iou)
    app.callback()(lambda: None)

    def run(*words, stdin=None):
        return CliRunner().invoke(app, ["iou", *map(str, words)], input=stdin)

    return run


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("truth.json").write_text(json.dumps(TRUTH))
    Path("found.json").write_text(json.dumps(FOUND))
    Path("none.json").write_text("[]")
    return tmp_path


def sentence(result):
    assert isinstance(result.exception, VisionError), (result.output, result.exception)
    return str(result.exception), int(result.exception.status)


def test_two_boxes_print_a_number(vision):
    assert float(vision("10,10,50,50", "20,20,60,60").stdout) == pytest.approx(900 / 2300, abs=1e-9)
    assert float(vision("10,10,40,40", "20,20,40,40", "--box-format", "xywh").stdout) == pytest.approx(900 / 2300)
    assert float(vision("30,30,40,40", "40,40,40,40", "--box-format", "cxcywh").stdout) == pytest.approx(900 / 2300)
    assert vision("0,0,1,1", "5,5,6,6").stdout == "0\n"


def test_boxes_may_begin_with_a_minus(vision):
    assert vision("-5,0,5,5", "0,0,5,5").stdout == "0.5\n"
    assert vision("--metric", "ioa", "--", "-5,0,5,5", "-5,0,5,5").stdout == "1\n"
    assert vision("-.5,0,.5,1", "-.5,0,.5,1;-1,0,-.5,1").stdout == "1\t0\n"


@pytest.mark.parametrize(
    "box",
    [
        "[10, 10, 50, 50]",
        "10 10 50 50",
        "(10,10,50,50)",
        " 10, 10, 50 ,50 ",
        "[10 10 50 50]",
        "[[10,10,50,50]]",
        "10\t10\n50 50",
    ],
)
def test_a_box_may_be_typed_with_blanks_and_brackets(vision, box):
    assert vision(box, "20,20,60,60").stdout == vision("20,20,60,60", box).stdout == "0.3913043478\n"


def test_several_boxes_may_be_typed_with_brackets(vision):
    expected = vision("0,0,2,2;-1,0,1,1", "0,0,2,2").stdout
    for text in (
        "[[0, 0, 2, 2], [-1, 0, 1, 1]]",
        "[0,0,2,2];[-1,0,1,1]",
        "(0 0 2 2) (-1 0 1 1)",
        "0 0 2 2; -1 0 1 1",
    ):
        assert vision(text, "0,0,2,2").stdout == expected, text


def test_eight_numbers_are_two_boxes(vision):
    assert vision("10", "10", "50", "50", "20", "20", "60", "60").stdout == "0.3913043478\n"
    words = ["[-5,", "0,", "5,", "5]", "0", "0", "5", "5"]
    assert (
        vision(*words).stdout
        == vision("--iou", ".5", *words).stdout
        == vision(*words, "--iou", ".5").stdout
        == "0.5\n"
    )
    assert sentence(vision(*words[:7]))[0].startswith("7 numbers stand in a row, and two boxes are eight")


@pytest.mark.parametrize("box", ["10 10 50", "[10,10,50", "10,,50,50", "10 10 50 x", "[10,10,50,50", "10,10,50,50)"])
def test_what_is_nearly_a_box_is_refused(vision, box):
    message, status = sentence(vision(box, "20,20,60,60"))
    assert status == 2 and ("four numbers" in message or "brackets" in message)


def test_several_boxes_print_a_matrix(vision):
    result = vision("0,0,2,2;0,0,1,1", "0,0,2,2; 0,0,1,2;9,9,9,9")
    assert result.stdout == "1\t0.5\t0\n0.25\t0.5\t0\n"
    body = json.loads(vision("0,0,2,2;0,0,1,1", "0,0,2,2", "--json").stdout)
    assert body["values"] == [[1.0], [0.25]]
    assert json.loads(vision("0,0,2,2", "0,0,2,2", "--json").stdout)["value"] == 1.0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["1,2,3", "1,2,3,4"], "has 3"),
        (["1,2,3,x", "1,2,3,4"], "not 1,2,3,x"),
        (["50,10,10,50", "1,2,3,4"], "swapped"),
        (["1,2,nan,4", "1,2,3,4"], "not finite"),
        (["1,2,3,4", "truth.json"], "give two boxes or two files"),
        (["1,2,3,4", "1,2,3,4", "--metric", "giuo"], "Did you mean giou"),
        (["1,2,3,4", "1,2,3,4", "--masks"], "--masks is for files"),
        (["truth.json", "found.json", "--metric", "giou"], "--metric is for boxes"),
        (["truth.json", "found.json", "--masks", "--keypoints"], "exclude each other"),
        (["truth.json", "found.json", "--iou", "0"], "--iou must lie above 0"),
        (["truth.json", "found.json", "--only", "AP5"], "Did you mean AP50"),
        (["truth.json", "found.json", "--only", ","], "--only is empty"),
        (["truth.json", "found.json", "--fail-under", "AP5=1"], "Did you mean AP50"),
        (["truth.json", "found.json", "--fail-under", "AP50"], "NAME=NUMBER"),
        (["truth.json", "found.json", "--engine", "numpi"], "Did you mean numpy"),
        (["truth.json", "found.json", "--truth-format", "cocos"], "Did you mean coco"),
        (["truth.json", "found.json", "--per-image", "-", "--json"], "takes standard output"),
        (["-", "-"], "Only one side"),
    ],
)
def test_wrong_usage_is_a_sentence_and_status_2(vision, files, words, said):
    message, status = sentence(vision(*words))
    assert said in message
    assert status == 2


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("found.json", [FOUND[0] | {"image_id": 99}, FOUND[1] | {"image_id": 98}], "no images with the ids 99, 98"),
        ("found.json", [FOUND[0] | {"category_id": 5}], "no categories with the ids 5"),
        ("found.json", [FOUND[0] | {"bbox": [50, 10, -20, 30]}], "annotation 0: the width of the box is negative"),
        ("truth.json", [], "Are the two files swapped"),
    ],
)
def test_wrong_files_are_a_sentence_and_status_3(vision, files, name, body, said):
    Path(name).write_text(json.dumps(body))
    message, status = sentence(vision("truth.json", "found.json"))
    assert message.startswith(f"{name}: ")
    assert said in message
    assert status == 3


@pytest.mark.parametrize("engine", ["numpy", "pycocotools", "auto"])
def test_no_detections_at_all(vision, files, engine):
    numbers = json.loads(vision("truth.json", "none.json", "--json", "--engine", engine).stdout)
    assert numbers["coco"]["AP"] == 0
    assert numbers["coco"]["AP_large"] is None
    assert numbers["total"] | {"truth": 2, "missed": 2, "spurious": 0} == numbers["total"]


@pytest.mark.parametrize("engine", ["numpy", "pycocotools", "auto"])
def test_annotation_id_zero_can_be_matched(vision, files, engine):
    result = vision("truth.json", "found.json", "--only", "AP50,AP,recall", "--engine", engine)
    assert result.stdout == "AP50\t1\nAP\t0.85\nrecall\t1\n"


def test_only_one_number_is_printed_bare(vision, files):
    assert vision("truth.json", "found.json", "--only", "AP50").stdout == "1\n"
    assert vision("truth.json", "found.json", "--only", "AP_large").stdout == "nan\n"
    assert vision("truth.json", "found.json", "--only", "mean_iou[dog]").stdout == "0.8\n"
    assert json.loads(vision("truth.json", "found.json", "--only", "AP,AP_large", "--json").stdout) == {
        "AP": pytest.approx(0.85),
        "AP_large": None,
    }


def test_gates_that_are_missed_end_with_5_and_the_numbers(vision, files):
    result = vision("truth.json", "found.json", "--fail-under", "AP50=0.9,AP=0.86", "--fail-under", "AP_large=0.1")
    assert result.exit_code == 5
    assert result.stderr.splitlines() == [
        "vision: gate missed: AP is 0.85, below 0.86.",
        "vision: gate missed: AP_large is undefined, since there is nothing to measure it on; 0.1 was asked for.",
    ]
    assert vision("truth.json", "found.json", "--fail-under", "AP50=1,AP[dog]=0.7").exit_code == 0


def test_the_table_names_classes_totals_and_confusions(vision, files):
    Path("found.json").write_text(json.dumps([FOUND[0] | {"category_id": 1}]))
    lines = vision("truth.json", "found.json").stdout.splitlines()
    assert lines[0] == "boxes of 2 pictures, matched at IoU 0.5"
    assert lines[2].split() == "cat 1 0 1 1 - 0.0000 0.0000 0.0000 0.0000 0.0000 0.0000".split()  # noqa: SIM905
    assert "dog    cat              1" in lines


def test_records_of_pictures_and_plots_are_written_whole(vision, files):
    result = vision(
        "truth.json", "found.json", "--per-image", "out/worst.jsonl", "--plots", "out/plots", "--only", "f1"
    )
    assert result.stdout == "1\n"
    records = [json.loads(line) for line in Path("out/worst.jsonl").read_text().splitlines()]
    assert [r["image"] for r in records] == ["a.jpg", "b.jpg"]
    assert [m["truth"] for m in records[0]["matches"]] == [2, 0]
    assert sorted(p.name for p in Path("out").rglob("*")) == [
        "confusion.png", "plots", "precision_recall.png", "worst.jsonl",
    ]  # fmt: skip
    streamed = vision("truth.json", "found.json", "--per-image", "-").stdout
    assert [json.loads(line) for line in streamed.splitlines()] == records


def test_predictions_may_come_from_standard_input(vision, files):
    record = {"schema": "vision/1", "input": "x/a.jpg", "predictions": None, "error": {"kind": "k", "message": "m"}}
    result = vision("truth.json", "-", "--only", "truth", stdin=json.dumps(record))
    assert result.stdout == "2\n"
    assert result.stderr.startswith("vision: warning: standard input: 1 of 1 pictures failed")
    message, _ = sentence(vision("truth.json", "-", stdin="[1, 2"))
    assert message.startswith("standard input: malformed JSON at line 1")


def test_label_maps_give_miou_dice_and_accuracy(vision, files):
    Image.fromarray(np.array([[1, 1, 2, 255]], np.uint8)).save("t.png")
    Image.fromarray(np.array([[1, 2, 2, 1]], np.uint8)).save("p.png")
    result = vision("t.png", "p.png", "--only", "miou,dice,pixel_accuracy,iou[1]")
    values = [float(line.split("\t")[1]) for line in result.stdout.splitlines()]
    assert values == pytest.approx([1 / 2, 2 / 3, 2 / 3, 1 / 2])
    assert float(vision("t.png", "p.png", "--ignore-index", "-1", "--only", "pixel_accuracy").stdout) == 0.5
    assert vision("t.png", "p.png", "--fail-under", "miou=0.6").exit_code == 5
    Path("names.txt").write_text("background\ncat\ndog\n")
    assert vision("t.png", "p.png", "--names", "names.txt", "--only", "iou[dog]").stdout == "0.5\n"
    assert "only be compared with label maps" in sentence(vision("t.png", "truth.json"))[0]


def test_unsorted_input_and_pictures_without_truth_change_nothing(vision, files):
    numbers = vision("truth.json", "found.json", "--json", "--engine", "numpy").stdout
    Path("found.json").write_text(json.dumps(FOUND[::-1]))
    turned = {key: value[::-1] for key, value in TRUTH.items()}
    Path("truth.json").write_text(json.dumps(turned))
    assert vision("truth.json", "found.json", "--json", "--engine", "numpy").stdout == numbers


@pytest.mark.shared_data
@pytest.mark.parametrize("engine", ["auto", "pycocotools", "numpy"])
@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_the_official_numbers_of_coco(vision, shared_data, kind, engine):
    folder = shared_data / "coco_eval"
    expected = json.loads((folder / "expected.json").read_text())[kind]
    words = [folder / "ground_truth.json", folder / f"detections_{kind}.json", "--engine", engine]
    words += ["--masks"] if kind == "segm" else []
    body = json.loads(vision(*words, "--json").stdout)
    assert body["coco"] == pytest.approx(expected, abs=1e-6)
    printed = dict(line.split("\t") for line in vision(*words, "--only", ",".join(expected)).stdout.splitlines())
    assert {name: float(value) for name, value in printed.items()} == pytest.approx(expected, abs=1e-6)


@pytest.mark.shared_data
def test_people_compared_with_themselves_are_found_wholly(vision, shared_data):
    truth = json.loads((shared_data / "coco/person_keypoints.json").read_text())
    rows = [a | {"score": 1.0} for a in truth["annotations"] if a["num_keypoints"]]
    result = vision(
        shared_data / "coco/person_keypoints.json",
        "-",
        "--keypoints",
        "--only",
        "AP,AR_large",
        stdin=json.dumps(rows),
    )
    assert result.stdout == "AP\t1\nAR_large\t1\n"


def test_the_command_never_imports_torch_and_typed_boxes_no_pycocotools(files):
    code = (
        "import sys, typer; from visioncli.cli.iou import IouCommand, iou\n"
        "app = typer.Typer(); app.command('iou', cls=IouCommand)(iou)\n"
        "early = {'numpy', 'PIL', 'pycocotools'} & set(sys.modules); assert not early, early\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "assert 'torch' not in sys.modules; print('pycocotools' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}

    def run(*words):
        done = subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True, env=environment
        )
        return done.stdout.splitlines()[-1]

    assert run("1,1,2,2", "1,1,2,2") == "False"
    assert run("truth.json", "found.json", "--engine", "pycocotools", "--plots", "plots") == "True"


def test_a_result_may_not_replace_what_is_compared(vision, files):
    for name in ("truth.json", "found.json"):
        before = Path(name).read_bytes()
        ended = vision("truth.json", "found.json", "--per-image", name)
        assert isinstance(ended.exception, VisionError)
        assert "is an input of this run" in str(ended.exception)
        assert Path(name).read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["truth.json", "found.json", "--score", "nan"], "--score must be a finite number, not nan"),
        (["truth.json", "found.json", "--score", "inf"], "--score must be a finite number, not inf"),
        (["truth.json", "found.json", "--iou", "nan"], "--iou must lie above 0"),
        (["truth.json", "found.json", "--fail-under", "AP=nan"], "NAME=NUMBER"),
        (["truth.json", "found.json", "--fail-under", "AP=inf"], "NAME=NUMBER"),
        (["0,0,1e200,1e200", "0,0,1e200,1e200"], "reaches farther than any picture"),
        ([";".join(["0,0,1,1"] * 1001), ";".join(["0,0,1,1"] * 1000)], "put them into files"),
        (["0,0,1,1\x1b[31m", "0,0,1,1"], r"not 0,0,1,1\x1b[31m."),
        (["truth.json", "found.json", "--per-image", "./truth.json"], "is an input of this run"),
        (["truth.json", "found.json", "--per-image", "found.json"], "is an input of this run"),
    ],
)
def test_numbers_and_targets_that_make_no_sense_are_refused(vision, files, words, said):
    message, status = sentence(vision(*words))
    assert said in message
    assert status == 2
    assert json.loads(Path("truth.json").read_text()) == TRUTH


def test_many_typed_boxes_are_no_file_name(vision, files):
    boxes = ";".join(["0,0,2,2"] * 300)
    assert vision(boxes, "0,0,2,2").stdout == "1\n" * 300


def odd_names(name):
    truth = json.loads(json.dumps(TRUTH))
    truth["categories"][0]["name"] = name
    Path("truth.json").write_text(json.dumps(truth))


@pytest.mark.parametrize("name", ["\x1b[31mred\rcat\n", "\x9b2J", "\ud800", "\u202ecat", "\x00"])
def test_control_characters_of_names_reach_neither_table_nor_sentences(vision, files, name):
    odd_names(name)
    Path("found.json").write_text(json.dumps([FOUND[0] | {"category_id": 1}]))
    for words in ([], ["--only", f"AP[{name}],AP"], ["--only", "AP[kat]"], ["--fail-under", f"AP[{name}]=1"]):
        result = vision("truth.json", "found.json", *words)
        shown = result.stdout + result.stderr + (str(result.exception) if result.exception else "")
        assert all(c.isprintable() or c == "\t" for line in shown.split("\n") for c in line), shown
        assert name not in shown
    body = json.loads(vision("truth.json", "found.json", "--json").stdout)
    assert body["classes"][0]["label"] == name
    record = json.loads(vision("truth.json", "found.json", "--per-image", "-").stdout.splitlines()[0])
    assert record["missed_objects"][0]["label"] == name
    vision("truth.json", "found.json", "--per-image", "out.jsonl", "--plots", "plots", "-q")
    assert json.loads(Path("out.jsonl").read_text().splitlines()[0]) == record


def test_control_characters_of_values_and_files_stay_out_of_errors_and_warnings(vision, files):
    Path("b\x1b[2J.json").write_text(json.dumps([FOUND[0] | {"image_id": "\x1b[2J"}]))
    message, _ = sentence(vision("truth.json", "b\x1b[2J.json"))
    assert "\x1b" not in message and r"\x1b[2J" in message
    result = vision("truth.json", "b\x1b[2J.json", "--skip-unknown")
    assert result.stderr.startswith("vision: warning: ") and "\x1b" not in result.stderr


def test_labels_as_long_as_a_page_are_cut_in_tables(vision, files):
    odd_names("x" * 5000)
    assert max(map(len, vision("truth.json", "found.json").stdout.splitlines())) < 250


def test_output_in_an_encoding_without_the_label_is_escaped(files):
    odd_names("кот")
    code = "import sys; from visioncli.cli.app import main; main()"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "ascii"}
    for words in ([], ["--json"]):
        command = [sys.executable, "-c", code, "iou", "truth.json", "found.json", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        assert "\\u043a" in done.stdout


@pytest.mark.parametrize("form", ["coco", "csv"])
def test_both_sides_may_come_through_pipes(vision, files, form):
    if form == "csv":
        Path("truth").write_text("image,label,x1,y1,x2,y2\na.jpg,cat,10,10,30,30\n")
        Path("found").write_text("image,label,score,x1,y1,x2,y2\na.jpg,cat,0.5,10,10,30,30\n")
    else:
        Path("truth").write_text(json.dumps(TRUTH))
        Path("found").write_text(json.dumps(FOUND))
    writers = []
    for side in ("truth", "found"):
        os.mkfifo(f"{side}.pipe")
        writers.append(threading.Thread(target=lambda s=side: Path(f"{s}.pipe").write_bytes(Path(s).read_bytes())))
        writers[-1].start()
    result = vision("truth.pipe", "found.pipe", "--json")
    for writer in writers:
        writer.join()
    body = json.loads(result.stdout)
    assert body["total"]["matched"] == body["total"]["truth"] > 0
    assert (body["truth"], body["predictions"]) == ("truth.pipe", "found.pipe")


def test_a_pipe_is_called_by_its_own_name_in_errors(vision, files, monkeypatch):
    monkeypatch.setattr("visioncli.datasets.file_bytes.PIPE_SECONDS", 0.05)
    os.mkfifo("silent")
    message, status = sentence(vision("truth.json", "silent"))
    assert message == "silent: nobody wrote to this pipe for 0.05 s." and status == 3
    os.mkfifo("torn")
    writer = threading.Thread(target=lambda: Path("torn").write_text("[1,"))
    writer.start()
    message, _ = sentence(vision("truth.json", "torn"))
    writer.join()
    assert message.startswith("torn: malformed JSON at line 1")


def test_devices_are_written_to_and_never_replaced(vision, files):
    assert vision("truth.json", "found.json", "--per-image", "/dev/null", "--only", "AP50").stdout == "1\n"
    assert not Path("/dev/null").is_file()
    os.mkfifo("pipe")
    got = []
    reader = threading.Thread(target=lambda: got.append(Path("pipe").read_text()))
    reader.start()
    vision("truth.json", "found.json", "--per-image", "pipe")
    reader.join()
    assert len(got[0].splitlines()) == 2
    assert Path("pipe").is_fifo()


@pytest.mark.parametrize("path", ["/dev/zero", "/proc/self/mem", ".", "nothing.json", "x" * 300])
def test_what_is_no_file_of_annotations_is_a_sentence(vision, files, path):
    for words in ((path, "found.json"), ("truth.json", path)):
        message, status = sentence(vision(*words))
        assert message.startswith(path) and status == 3


def test_the_split_that_was_taken_is_said_and_can_be_chosen(vision, files):
    for split, name in (("val", "a"), ("train", "c")):
        Path(f"set/labels/{split}").mkdir(parents=True)
        Path(f"set/images/{split}").mkdir(parents=True)
        Path(f"set/labels/{split}/{name}.txt").write_text("0 .5 .5 .2 .2")
        Image.new("RGB", (100, 80)).save(f"set/images/{split}/{name}.jpg")
    Path("set/classes.txt").write_text("cat")
    Path("found.csv").write_text("input,label,score,x1,y1,x2,y2\na.jpg,cat,.9,40,32,60,48\n")
    result = vision("set", "found.csv", "--only", "AP")
    assert (result.stdout, result.exit_code) == ("1\n", 0)
    assert (
        "took the split val, which has the pictures of the other side; --split chooses one of val, train"
        in result.stderr
    )
    message, status = sentence(vision("set", "found.csv", "--split", "train"))
    assert status == 3 and "no images named a.jpg. It has c" in message
    assert sentence(vision("set", "found.csv", "--split", "nope"))[1] == 2


def test_classes_counted_from_0_are_suspected(vision, files):
    Path("zero.json").write_text(json.dumps([{"image_id": 7, "category_id": 0, "bbox": [1, 1, 2, 2], "score": 1}]))
    assert "Are they counted from 0" in sentence(vision("truth.json", "zero.json"))[0]


def test_swapped_sides_are_refused(vision, files):
    swapped = json.loads(json.dumps(TRUTH))
    for entry in swapped["annotations"]:
        entry["score"] = 0.5
    Path("swapped.json").write_text(json.dumps(swapped))
    message, status = sentence(vision("swapped.json", "truth.json"))
    assert status == 3 and "The truth comes first: swap the two" in message


def test_no_predictions_at_all_are_compared_with_any_truth(vision, files):
    Path("set").mkdir()
    Path("set/a.csv").write_text("input,label,x1,y1,x2,y2\na.jpg,cat,40,32,60,48\n")
    result = vision("set/a.csv", "none.json", "--only", "truth,matched")
    assert result.exit_code == 0 and result.stdout == "truth\t1\nmatched\t0\n"
