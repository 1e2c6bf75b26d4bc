import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from conftest import Ended
from visioncli.engines.compile import compiled_file
from visioncli.features.files import store_file
from visioncli.models import registry
from visioncli.models.measured import measured
from visioncli.models.row import Carrier, Download
from visioncli.weights.places import converted_file, stored_file

Vision = Callable[..., Ended]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("VISION_OFFLINE", "VISION_WEIGHTS_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VISION_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def table(ended: Ended) -> list[list[str]]:
    assert ended.status == 0, ended.err
    return [line.split("\t") for line in ended.out.decode().splitlines()]


def test_the_list_in_a_pipe_is_tab_separated(vision: Vision) -> None:
    head, *rows = table(vision("models"))
    assert head[0] == "name"
    assert {row[0] for row in rows} >= {row.name for row in registry.ROWS}
    assert {len(row) for row in rows} == {len(head)}


def test_the_list_can_be_narrowed_and_sorted(vision: Vision) -> None:
    _, *rows = table(vision("models", "--task", "segment", "--sort", "gflops"))
    names = [row[0] for row in rows]
    assert "resnet18" not in names
    costs = [registry.find(name).gflops for name in names]
    assert costs == sorted(costs)
    _, *rows = table(vision("models", "list", "--task", "classify", "--sort", "accuracy"))
    assert rows[0][0] == "vit_h_14"
    assert vision("models", "--task", "juggle").status == 2


def test_json_holds_every_fact(vision: Vision) -> None:
    rows = {row["name"]: row for row in vision("models", "--json").records}
    assert rows["resnet50"]["accuracy"][0] == {"metric": "top-1", "value": 80.858, "on": "ImageNet-1k val"}
    assert rows["resnet50"]["source"]["url"].endswith("resnet50-11ad3fa6.pth")
    assert rows["efficientnet_lite0"]["weights"] == "installed"
    assert vision("models", "info", "resnet50", "--json").records == [rows["resnet50"]]


def test_what_was_measured_is_told_apart_from_what_was_published(vision: Vision) -> None:
    head, *rows = table(vision("models"))
    listed = {row[0]: dict(zip(head, row, strict=True)) for row in rows}
    for row in registry.ROWS:
        cells, ours = listed[row.name], measured(row)
        assert cells["published on"] == (row.accuracy[0].on if row.accuracy else "-")
        assert (cells["published"] == "-") == (not row.accuracy)
        assert cells["measured on"] == (ours[0].where if ours else "-")
        assert (cells["measured"] == "-") == (not ours)
    lite = listed["efficientnet_lite0"]
    assert lite["published"] == "top-1 75.1" and lite["published on"] == "ImageNet-1k val"
    (top1, *_) = measured(registry.find("efficientnet_lite0"))
    assert lite["measured"] == f"top-1 {top1.value:.1f}"
    assert lite["measured on"] == f"{top1.pictures} ImageNet pictures (fp32)"
    said = vision("models", "info", "efficientnet_lite0").out.decode()
    assert "published:     top-1 75.1 % on ImageNet-1k val\n" in said
    assert f"measured:      {top1}" in said
    assert "measured" not in vision("models", "info", "resnet50").out.decode()
    (row,) = vision("models", "info", "efficientnet_lite0", "--json").records
    assert row["measured"][0]["value"] == top1.value and row["accuracy"][0]["value"] == 75.1


def test_a_networks_figures_are_of_one_metric_where_both_are_known() -> None:
    from visioncli.cli.models.listing import headline, own_headline

    for row in registry.ROWS:
        for task in row.tasks:
            theirs, ours = headline(row, task), own_headline(row, task)
            assert theirs is None or ours is None or theirs.metric == ours.metric


@pytest.mark.parametrize("task", [None, "detect", "segment", "pose", "classify", "caption"])
@pytest.mark.parametrize("width", [80, 100])
def test_both_figures_fit_on_a_terminal_and_a_line_says_where_they_are_from(
    task: str | None, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from visioncli.cli.models import listing

    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    listing.show_rows(listing.select(task, None), False, task)
    out, err = capsys.readouterr()
    assert max(map(len, (out + err).splitlines())) <= width
    assert {"published", "measured", "weights"} <= set(out.split("\n")[0].split())
    told = " ".join(err.split())
    assert told.startswith("published: by others") and "measured: here" in told
    for row in listing.select(task, None):
        if ours := listing.own_headline(row, task):
            assert ours.where in told


def test_info_is_for_people(vision: Vision) -> None:
    said = vision("models", "info", "vit_h_14").out.decode()
    for words in ("633,470,440", "1016.72 G", "CC-BY-NC", "518 x 518", "arxiv.org/abs/2010.11929"):
        assert words in said
    assert vision("models", "info", "vit_h_15").status == 2


@pytest.mark.parametrize("width", [80, 200])
def test_the_list_on_a_terminal_is_a_table_as_wide_as_that(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from visioncli.cli.models import listing

    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    listing.show_rows(listing.select("classify", None), False)
    head, rule, *rows = capsys.readouterr().out.splitlines()
    assert set(rule) == {"─"}
    assert ("file" in head) == (width == 200)
    assert head.startswith("name") and head.rstrip().endswith("weights")
    assert all(len(line) <= len(rule) <= width for line in rows)


@pytest.mark.parametrize(
    "args", [("models",), ("models", "info", "resnet50"), ("models", "plot"), ("models", "path")]
)
def test_listing_imports_neither_torch_nor_numpy(args: tuple[str, ...], tmp_path: Path) -> None:
    import subprocess

    script = (
        "import os, sys\n"
        "end = os._exit\n"
        "def leave(status):\n"
        "    print(*sorted({m.split('.')[0] for m in sys.modules}), file=sys.stderr, flush=True)\n"
        "    end(status)\n"
        "os._exit = leave\n"
        "from visioncli.cli.app import main\n"
        "main()\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, *args], cwd=tmp_path, capture_output=True, check=True)
    loaded = set(ended.stderr.decode().split())
    assert not loaded & {"torch", "torchvision", "requests", "pooch"}
    assert "plot" in args or not loaded & {"numpy", "PIL"}


def test_the_picture_of_accuracy_and_cost_is_drawn(vision: Vision, tmp_path: Path) -> None:
    assert vision("models", "plot", "-o", "a.png").out == b"a.png\n"
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (1600, 1000)
        assert len(image.convert("RGB").getcolors(1 << 24) or []) > 100
    assert vision("models", "plot", "-t", "caption", "-o", "b.png").status == 2


def test_the_layer_table_has_a_row_a_layer(vision: Vision) -> None:
    head, *rows = table(vision("models", "layers", "alexnet", "--input", "224"))
    assert head[-1] == "sees"
    conv = dict(zip(head, rows[0], strict=True))
    assert (conv["output"], conv["parameters"], conv["sees"]) == ("64x55x55", "23,296", "11")
    assert rows[-1][-1] == "all"
    layers = vision("models", "layers", "alexnet", "--json").records
    assert (layers[0]["multiply_adds"], layers[0]["receptive_field"]) == (70276800, 11)
    assert vision("models", "layers", "alexnet", "--input", "8").status == 2


def test_arithmetic_shows_the_formula_with_the_numbers(vision: Vision) -> None:
    numbers = ("--input", "32", "--kernel", "3", "--stride", "2", "--padding", "same", "--dilation", "2")
    assert vision("models", "arithmetic", *numbers).out.decode().splitlines() == [
        "output: 16",
        "k' = d (k - 1) + 1 = 2 (3 - 1) + 1 = 5",
        "o = ceil(i / s) = ceil(32 / 2) = 16",
        "padding in all = max((o - 1) s + k' - i, 0) = max((16 - 1) 2 + 5 - 32, 0) = 3",
        "padding at each end: 1 before, 2 after",
    ]
    said = vision("models", "arithmetic", "-i", "16", "-k", "4", "-s", "2", "-p", "1", "--transposed", "--json")
    assert json.loads(said.out)["output"] == 32


def test_offline_a_pull_says_what_to_do_and_is_status_4(vision: Vision, own_cache: Path) -> None:
    ended = vision("models", "pull", "alexnet", "--offline")
    assert ended.status == 4
    for words in ("alexnet-owt-7be5be79.pth (233.1 MiB)", str(own_cache), "vision models pull alexnet"):
        assert words in ended.err
    ended = vision("classify", "x.png", "--model", "alexnet", "--offline")
    assert (ended.status, ended.out) == (4, b"")


def test_weights_that_cannot_be_removed_are_a_sentence(vision: Vision) -> None:
    source = registry.find("movenet_lightning").source
    assert isinstance(source, Carrier)
    converted_file("movenet_lightning", source).mkdir(parents=True)
    ended = vision("models", "remove", "movenet_lightning")
    assert ended.status == 3
    assert "cannot be removed" in ended.err


def test_where_nothing_is_kept_nothing_is_there_to_remove(vision: Vision, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISION_CACHE_DIR", "/dev/null/visioncli")
    ended = vision("models", "remove", "movenet_lightning", "alexnet")
    assert ended.status == 0
    assert ended.err.count("nothing was there") == 2


def test_weights_are_found_verified_and_removed(vision: Vision, own_cache: Path) -> None:
    path = own_cache / "downloads" / "alexnet-owt-7be5be79.pth"
    assert vision("models", "path", "alexnet").out.decode().strip() == str(path)
    assert vision("models", "path").out.decode().strip() == str(own_cache)
    missing = vision("models", "verify", "alexnet")
    assert (missing.status, b"is not there" in missing.out) == (4, True)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not AlexNet")
    assert b"is not the file that was published" in vision("models", "verify", "alexnet").out
    assert "alexnet\tcached" in "\n".join(
        "\t".join((row[0], row[-1])) for row in table(vision("models", "list", "--cached"))
    )
    assert "freed" in vision("models", "remove", "alexnet").err
    assert not path.exists()
    assert "nothing was there" in vision("models", "remove", "alexnet").err


def fill(own_cache: Path) -> dict[str, Path]:
    """A file of each kind, of a size of its own, and one that is somebody's."""
    row = registry.find("efficientnet_lite0")
    assert isinstance(row.source, Carrier)
    alexnet = registry.find("alexnet")
    assert isinstance(alexnet.source, Download)
    files = {
        "downloaded weights": stored_file(alexnet.source),
        "converted weights": converted_file(row.name, row.source),
        "compiled networks": compiled_file(row),
        "features of pictures": store_file(row),
        "mine": own_cache / "features" / "mine.txt",
    }
    for n, path in enumerate(files.values(), start=1):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(n * 1024 * 1024))
    return files


def test_the_cache_says_what_takes_its_room(vision: Vision, own_cache: Path) -> None:
    assert f"vision: {own_cache} holds nothing of networks.\n" == vision("models", "list", "--cached").err
    fill(own_cache)
    said = vision("models", "list", "--cached").err
    assert said == (
        f"vision: {own_cache} holds downloaded weights 1.0 MiB, converted weights 2.0 MiB, compiled networks "
        "3.0 MiB, features of pictures 4.0 MiB.\n"
    )


@pytest.mark.parametrize(
    ("args", "gone"),
    [
        (("efficientnet_lite0",), {"converted weights", "compiled networks", "features of pictures"}),
        (("efficientnet_lite0", "--features"), {"features of pictures"}),
        (("alexnet",), {"downloaded weights"}),
        (("alexnet", "--features"), set()),
        (("--features",), {"features of pictures"}),
        (("--all", "--features"), {"features of pictures"}),
        (
            ("--all",),
            {"downloaded weights", "converted weights", "compiled networks", "features of pictures"},
        ),
    ],
)
def test_what_is_removed_is_what_was_named(
    vision: Vision, own_cache: Path, args: tuple[str, ...], gone: set[str]
) -> None:
    files = fill(own_cache)
    ended = vision("models", "remove", *args)
    assert ended.status == 0
    assert {what for what, path in files.items() if not path.exists()} == gone
    assert ("MiB freed" in ended.err) is bool(gone)


@pytest.mark.parametrize("args", [(), ("alexnet", "--all")])
def test_removing_takes_a_name_or_all(vision: Vision, args: tuple[str, ...]) -> None:
    ended = vision("models", "remove", *args)
    assert (ended.status, ended.err) == (2, "vision: Name networks, or say --all, or --features.\n")


def test_verifying_all_reads_what_is_here(vision: Vision) -> None:
    ended = vision("models", "verify", "--all")
    assert ended.status == 0
    assert b"efficientnet_lite0\tok\t579344248a93" in ended.out
    assert vision("models", "verify").status == 2


@pytest.mark.parametrize(
    ("task", "model", "classes", "names", "args"),
    [
        ("detect", "ssdlite320_mobilenet_v3_large", 4, "a b c", ("--score", "0.06")),
        ("segment", "maskrcnn_resnet50_fpn", 4, "a b c", ("--mode", "instance")),
        ("segment", "lraspp_mobilenet_v3_large", 4, "a b c", ("--size", "64")),
        ("pose", "keypointrcnn_resnet50_fpn", 2, "person", ("--person-score", "0.06")),
    ],
)
def test_networks_of_torchvision_run_in_the_tasks(
    task: str,
    model: str,
    classes: int,
    names: str,
    args: tuple[str, ...],
    vision: Vision,
    pictures: Callable[..., list[Path]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from torchvision_networks import theirs
    from visioncli.families import torchvision as family

    build = family.build

    def small(variant: str, count: str | None = None) -> torch.nn.Module:
        network = build(variant, count)
        if "rcnn" in variant:
            network.transform.min_size, network.transform.max_size = (64,), 96  # type: ignore[union-attr,assignment]
            network.roi_heads.detections_per_img = 3  # type: ignore[union-attr,assignment]
        return network

    monkeypatch.setattr(family, "build", small)
    torch.save(dict(theirs(model, num_classes=classes).state_dict()), tmp_path / "own.pth")
    (tmp_path / "names.txt").write_text("\n".join(names.split()))
    pictures(2)
    ended = vision(task, "photos", "--model", model, "--weights", "own.pth", "--labels", "names.txt", *args)
    assert ended.status == 0, ended.err
    assert [record["model"]["name"] for record in ended.records] == [model] * 2
    allowed = {*names.split(), "background"}
    assert all(p["label"] in allowed for record in ended.records for p in record["predictions"])
    alone = vision(
        task, "photos/001.png", "--model", model, "--weights", "own.pth", "--labels", "names.txt", *args,
        "-o", "-",
    )  # fmt: skip
    assert alone.records[0]["predictions"] == ended.records[1]["predictions"]


def test_compared_models_stand_side_by_side(vision: Vision, pictures: Callable[..., list[Path]]) -> None:
    pictures(1)
    ended = vision(
        "classify", "photos", "--model", "efficientnet_lite0,efficientnet_lite1", "-o", "-", "--engine", "torch"
    )
    (record,) = ended.records
    assert list(record["extra"]["compare"]) == ["efficientnet_lite0", "efficientnet_lite1"]
    assert record["predictions"] == record["extra"]["compare"]["efficientnet_lite0"]


def test_info_and_layers_know_networks_of_other_libraries(vision: Vision, tmp_path: Path) -> None:
    from onnx_files import cells
    from test_resolve import save_hf

    timm = pytest.importorskip("timm")
    network = timm.create_model("test_resnet", num_classes=3)
    torch.save(network.state_dict(), tmp_path / "own.pth")
    (tmp_path / "names.txt").write_text("a\nb\nc\n")
    theirs, _ = save_hf("classify", tmp_path / "vit")
    count = {
        ("timm:test_resnet", "--weights", "own.pth", "--labels", "names.txt"): sum(
            p.numel() for p in network.parameters()
        ),
        (f"hf:{tmp_path / 'vit'}", "--offline"): theirs.num_parameters(),
        (cells(tmp_path / "net.onnx", names="['green']"),): 4 * 64,
    }
    for args, parameters in count.items():
        ended = vision("models", "info", *args)
        assert ended.status == 0, ended.err
        assert f"parameters:    {parameters:,}" in ended.out.decode()
        ended = vision("models", "layers", *args, "--json")
        assert ended.status == 0, ended.err
        assert sum(layer["parameters"] for layer in ended.records) <= parameters
        assert ended.records


def test_layers_of_an_onnx_file_cost_what_those_of_the_network_do(vision: Vision, tmp_path: Path) -> None:
    from torch import nn

    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)
    )
    torch.onnx.export(network.eval(), (torch.zeros(1, 3, 32, 32),), tmp_path / "net.onnx", verbose=False)
    ended = vision("models", "layers", "onnx:net.onnx", "--json")
    conv, linear = (next(r for r in ended.records if r["kind"] == kind) for kind in ("Conv", "Gemm"))
    assert (conv["multiply_adds"], conv["parameters"]) == (8 * 16 * 16 * 27, 8 * 27 + 8)
    assert (conv["kernel"], conv["stride"], conv["padding"], conv["output"]) == ("3", "2", "1", [1, 8, 16, 16])
    assert (linear["multiply_adds"], linear["parameters"]) == (32, 36)
    ended = vision("models", "layers", "onnx:net.onnx", "--input", "64")
    assert ended.status == 2
    assert "takes pictures of 32 pixels, not of 64" in ended.err
