import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from run_folders import make_run
from visioncli.api import build_task, load, model_names, together
from visioncli.engines.interface import EngineOptions
from visioncli.errors import ModelUnavailable, UsageError
from visioncli.models import registry
from visioncli.pictures import Picture
from visioncli.resolve import describe, own_weights, resolve
from visioncli.weights.downloads import Access

CPU = EngineOptions(device="cpu", engine="torch")
PICTURE = Picture(Image.fromarray(np.random.default_rng(3).integers(0, 256, (50, 70, 3), dtype=np.uint8)), 0.0)


@pytest.fixture
def resnet(tmp_path: Path) -> Path:
    from torchvision import models

    torch.save(models.resnet18(num_classes=3).state_dict(), tmp_path / "own.pth")
    return tmp_path / "own.pth"


def names(folder: Path, *lines: str) -> Path:
    (folder / "names.txt").write_text("\n".join(lines) + "\n")
    return folder / "names.txt"


def test_own_weights_carry_their_hash_and_names(resnet: Path, tmp_path: Path) -> None:
    row = own_weights(registry.find("resnet18"), resnet, names(tmp_path, "cat", "dog", "bird"))
    assert row.labels == ((0, "cat"), (1, "dog"), (2, "bird"))
    assert row.architecture == "torchvision:resnet18:3"
    assert row.source.sha256 is not None


def test_other_classes_need_names(resnet: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"3 outputs, resnet18 as published 1000.*--labels"):
        own_weights(registry.find("resnet18"), resnet, None)
    with pytest.raises(UsageError, match="2 names, but the network has 3 outputs"):
        own_weights(registry.find("resnet18"), resnet, names(tmp_path, "cat", "dog"))


def test_weights_of_another_network_name_what_does_not_fit_and_the_likeliest(resnet: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ModelUnavailable, match=r"missing \(first: layer1.0.conv3.weight.*It fits resnet18: give --model resnet18"
    ):
        build_task("classify", "resnet50", weights=resnet, labels=names(tmp_path, "a", "b", "c"))


def test_outside_classification_the_background_needs_no_name(tmp_path: Path) -> None:
    from visioncli.families import torchvision as family

    network = family.build("lraspp_mobilenet_v3_large", "4")
    torch.save(network.state_dict(), tmp_path / "own.pth")
    row = own_weights(
        registry.find("lraspp_mobilenet_v3_large"), tmp_path / "own.pth", names(tmp_path, "a", "b", "c")
    )
    assert row.labels == ((1, "a"), (2, "b"), (3, "c"))


def test_several_models_answer_side_by_side() -> None:
    task = build_task("classify", "efficientnet_lite0,efficientnet_lite1", options=CPU, top_k=2)
    (answer,) = task.predict([task.prepare(PICTURE)])
    assert answer.predictions == answer.extra["compare"]["efficientnet_lite0"]
    assert len(answer.extra["compare"]["efficientnet_lite1"]) == 2
    assert list(task.settings["compare"]) == ["efficientnet_lite1"]


def test_only_classifiers_are_compared() -> None:
    with pytest.raises(UsageError, match="compared by classify"):
        build_task("segment", "deeplab_v3_mobilenet_v2,fcn_resnet50")
    with pytest.raises(UsageError, match="single model"):
        build_task("classify", "efficientnet_lite0,resnet18", weights="a.pth")
    with pytest.raises(UsageError, match="empty name"):
        model_names("resnet18,")
    assert model_names("onnx:a,b.onnx") == ["onnx:a,b.onnx"]


def test_offline_a_missing_download_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISION_CACHE_DIR", str(tmp_path))
    with pytest.raises(ModelUnavailable, match=r"resnet50-11ad3fa6\.pth \(97\.8 MiB\)"):
        load("classify", "resnet50", offline=True)


# A third party's package: the network, its row, and the metadata that pip would write.
PLUGIN = """
from torch import nn
from visioncli.models.registry import Accuracy, Download, InputSpec, ModelRow

def build(variant, classes=None):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, int(classes or 2)))

def rows():
    return [
        ModelRow(name=name, tasks=("classify",), architecture="tiny_plugin:small", source=Download("http://127.0.0.1:9/x.pth"),
                 input=InputSpec(8, 8, "bilinear", (0, 0, 0), (1, 1, 1)), labels=((0, "dark"), (1, "bright")),
                 parameters=8, gflops=0.0, licence="MIT", paper="", about="Tells dark from bright.")
        for name in ("tiny_brightness", "resnet18")
    ]
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    site = tmp_path / "site"
    (site / "tiny_plugin-1.0.dist-info").mkdir(parents=True)
    (site / "tiny_plugin-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: tiny-plugin\nVersion: 1.0\n"
    )
    (site / "tiny_plugin-1.0.dist-info" / "entry_points.txt").write_text(
        "[visioncli.models]\ntiny = tiny_plugin.networks:rows\nbroken = tiny_plugin.absent:rows\n"
    )
    (site / "tiny_plugin").mkdir()
    (site / "tiny_plugin" / "__init__.py").touch()
    source = PLUGIN.replace('"tiny_plugin:small"', '"tiny_plugin.networks:small"')
    (site / "tiny_plugin" / "networks.py").write_text(source)
    monkeypatch.syspath_prepend(str(site))
    registry._plugin_rows.cache_clear()
    yield site
    registry._plugin_rows.cache_clear()
    for name in [n for n in sys.modules if n.startswith("tiny_plugin")]:
        del sys.modules[name]


def test_a_plugin_adds_models_and_a_broken_one_only_warns(plugin: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        row = registry.find("tiny_brightness", "classify")
    assert row.about == "Tells dark from bright."
    said = " ".join(str(entry.message) for entry in caught)
    assert "plug-in broken" in said
    assert "'resnet18', which is left out: there is a model of that name already" in said
    state = {"2.weight": torch.tensor([[-1.0] * 3, [1.0] * 3]), "2.bias": torch.tensor([1.5, -1.5])}
    torch.save(state, tmp_path / "own.pth")
    task: Any = build_task("classify", "tiny_brightness", weights=tmp_path / "own.pth", options=CPU)
    for level, label in ((10, "dark"), (240, "bright")):
        rgb = np.full((20, 30, 3), level, np.uint8)
        (answer,) = task.predict([task.prepare(Picture(Image.fromarray(rgb), 0.0))])
        assert answer.predictions[0].label == label


@pytest.mark.parametrize(("spec", "extra"), [("timm:resnet18", "timm"), ("hf:some/model", "hf")])
def test_a_missing_extra_says_what_to_install(spec: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, {"timm": "timm", "hf": "transformers"}[extra], None)
    with pytest.raises(ModelUnavailable, match=rf"pip install 'visioncli\[{extra}\]'"):
        resolve(spec, "classify")


def test_timm_networks_are_prepared_as_timm_says(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm")
    network = timm.create_model("resnet10t", num_classes=4).eval()
    torch.save({"model": network.state_dict()}, tmp_path / "own.pth")
    task: Any = build_task(
        "classify", "timm:resnet10t", weights=tmp_path / "own.pth", labels=names(tmp_path, *"abcd"), options=CPU
    )
    assert (task.spec.size, task.spec.resize, task.model.name) == (176, 201, "timm:resnet10t")
    x = task.prepare(PICTURE)
    (answer,) = task.predict([x])
    with torch.inference_mode():
        scores = network(torch.from_numpy(np.ascontiguousarray(x))[None]).softmax(-1)[0]
    for found in answer.predictions:
        assert found.score == pytest.approx(float(scores[found.label_id]), abs=1e-4)
    with pytest.raises(ModelUnavailable, match="timm cannot load the weights"):
        build_task("classify", "timm:resnet10t", offline=True, options=CPU)
    with pytest.raises(UsageError, match=r"timm has no network 'resnet10x'.*Did you mean"):
        resolve("timm:resnet10x", "classify")


def save_hf(kind: str, folder: Path) -> Any:
    """A tiny network of transformers with random weights, saved with its processor."""
    t = pytest.importorskip("transformers")
    torch.manual_seed(0)
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    ids = {0: "zero", 1: "one", 2: "two"}
    if kind == "classify":
        config = t.ViTConfig(**small, image_size=32, patch_size=8, id2label=ids)
        network, processor = (
            t.ViTForImageClassification(config),
            t.ViTImageProcessor(size={"height": 32, "width": 32}),
        )
    elif kind == "detect":
        config = t.YolosConfig(**small, image_size=[32, 48], patch_size=8, num_detection_tokens=5, id2label=ids)
        network = t.YolosForObjectDetection(config)
        processor = t.YolosImageProcessor(size={"shortest_edge": 32, "longest_edge": 48})
    else:
        config = t.SegformerConfig(
            hidden_sizes=[8, 8, 8, 8],
            num_attention_heads=[1, 1, 1, 1],
            depths=[1, 1, 1, 1],
            decoder_hidden_size=8,
            id2label=ids,
        )
        network = t.SegformerForSemanticSegmentation(config)
        processor = t.SegformerImageProcessor(size={"height": 64, "width": 64})
    network.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    return network, processor


def test_transformers_classify_as_by_themselves(tmp_path: Path) -> None:
    network, processor = save_hf("classify", tmp_path)
    task = build_task("classify", f"hf:{tmp_path}", offline=True, options=CPU)
    (answer,) = task.predict([task.prepare(PICTURE)])
    with torch.inference_mode():
        scores = network(**processor(images=PICTURE.rgb, return_tensors="pt")).logits.softmax(-1)[0]
    assert {p.label for p in answer.predictions} == {"zero", "one", "two"}
    for found in answer.predictions:
        assert found.score == pytest.approx(float(scores[found.label_id]), abs=1e-4)
    assert task.model.weights_sha256 is not None


def test_transformers_detect_as_by_themselves(tmp_path: Path) -> None:
    network, processor = save_hf("detect", tmp_path)
    task = build_task("detect", f"hf:{tmp_path}", offline=True, options=CPU, score=0.0, iou=1.0)
    (answer,) = task.predict([task.prepare(PICTURE)])
    with torch.inference_mode():
        outputs = network(**processor(images=PICTURE.rgb, return_tensors="pt"))
    (expected,) = processor.post_process_object_detection(outputs, 0.0, torch.tensor([[50, 70]]))
    assert len(answer.predictions) == len(expected["scores"]) == 5
    assert sorted(p.score for p in answer.predictions) == pytest.approx(sorted(expected["scores"].tolist()), abs=1e-4)
    best = int(expected["scores"].argmax())
    assert answer.predictions[0].box == pytest.approx(expected["boxes"][best].tolist(), abs=0.05)


def test_transformers_segment_as_by_themselves(tmp_path: Path) -> None:
    network, processor = save_hf("segment", tmp_path)
    task = build_task("segment", f"hf:{tmp_path}", offline=True, options=CPU)
    (answer,) = task.predict([task.prepare(PICTURE)])
    with torch.inference_mode():
        outputs = network(**processor(images=PICTURE.rgb, return_tensors="pt"))
    (expected,) = processor.post_process_semantic_segmentation(outputs, target_sizes=[(50, 70)])
    assert (answer.arrays["classes"] == expected.numpy()).mean() > 0.98
    assert {s.label_id for s in answer.predictions} == set(np.unique(answer.arrays["classes"]).tolist())


def test_transformers_offline_never_ask_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers")
    import socket

    def refuse(*args: object, **settings: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(ModelUnavailable, match="transformers cannot load no-such/model"):
        resolve("hf:no-such/model", "classify", access=Access(offline=True))


@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize("fixed", [False, True])
def test_onnx_files_answer_as_in_torch(softmax: bool, fixed: bool, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    torch.manual_seed(1)
    network = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    whole = nn.Sequential(network, nn.Softmax(-1)) if softmax else network
    path = tmp_path / "net.onnx"
    batch = None if fixed else ({0: torch.export.Dim("batch")},)
    torch.onnx.export(whole.eval(), (torch.zeros(2, 3, 32, 32),), path, dynamic_shapes=batch, verbose=False)
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"labels": '{"0": "a", "1": "b", "2": "c"}'})
    onnx.save(model, path)
    task: Any = build_task("classify", f"onnx:{path}", options=EngineOptions(device="cpu"))
    assert task.labels == {0: "a", 1: "b", 2: "c"}
    x = task.prepare(PICTURE)
    answers = task.predict([x] * 3)
    with torch.inference_mode():
        scores = network(torch.from_numpy(np.ascontiguousarray(x))[None]).softmax(-1)[0]
    for answer in answers:
        for found in answer.predictions:
            assert found.score == pytest.approx(float(scores[found.label_id]), abs=1e-4)
    named = build_task(
        "classify", f"onnx:{path}", labels=names(tmp_path, "x", "y", "z"), options=EngineOptions(device="cpu")
    )
    assert named.labels == {0: "x", 1: "y", 2: "z"}


def test_what_is_no_onnx_file_is_said_to_be_none(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "bad.onnx").write_bytes(b"no graph")
    for path, words in (("bad.onnx", "cannot load"), ("absent.onnx", "There is no file")):
        with pytest.raises(ModelUnavailable, match=words):
            resolve(f"onnx:{tmp_path / path}", "classify")


def test_a_run_is_described_for_what_it_was_trained_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    row = make_run(Path("run"))
    assert describe("run") == describe("run", "classify") == describe("run/", "gradcam") == row
    assert resolve("run", "classify") == row
    with pytest.raises(UsageError, match="run cannot segment; it is for classify, gradcam"):
        describe("run", "segment")


def test_an_architecture_without_weights_says_how_to_train_it() -> None:
    assert describe("lenet5").source == registry.Untrained()
    with pytest.raises(ModelUnavailable, match=r"lenet5 comes without weights\. Train it"):
        resolve("lenet5", "classify")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dcgan", "vision train DATA --task generate --model dcgan -o RUN"),
        ("cyclegan", "two folders.*vision train DATA --task translate.*vision stylize --model RUN"),
        ("yolov3", "vision train DATA --task detect"),
    ],
)
def test_it_says_so_for_what_it_learns(name: str, words: str) -> None:
    row = describe(name)
    with pytest.raises(ModelUnavailable, match=words):
        resolve(name, row.tasks[0])


def test_several_runs_keep_their_names_apart(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        make_run(tmp_path / folder / "run")
    specs = [str(tmp_path / folder / "run") for folder in ("a", "b")]
    assert model_names(",".join(specs)) == specs


def test_a_plus_stands_between_names_but_not_inside_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_run(Path("a+b"))
    assert together("a+b") == ["a+b"]
    assert together("a+c+a") == ["a", "c"]
    assert together("resnet18+onnx:my+own.onnx") == ["resnet18", "onnx:my+own.onnx"]
    for spec in ("a+", "+a", "a++c"):
        with pytest.raises(UsageError, match="empty name"):
            together(spec)


def test_classifiers_answer_together_with_a_plus_or_with_fuse() -> None:
    task = build_task("classify", "efficientnet_lite1+efficientnet_lite0", options=CPU)
    same = build_task("classify", "efficientnet_lite0,efficientnet_lite1", options=CPU, fuse="mean")
    assert task.model.name == same.model.name == "efficientnet_lite0+efficientnet_lite1"
    assert task.settings == same.settings
    (one,), (other,) = (t.predict([t.prepare(PICTURE)]) for t in (task, same))
    assert [p.label_id for p in one.predictions] == [p.label_id for p in other.predictions]
    assert [p.score for p in one.predictions] == pytest.approx([p.score for p in other.predictions], abs=1e-5)
    singles = [build_task("classify", f"efficientnet_lite{n}", options=CPU, top_k=1000) for n in (0, 1)]
    chances = [{p.label_id: p.score for p in t.predict([t.prepare(PICTURE)])[0].predictions} for t in singles]
    best = one.predictions[0]
    assert best.score == pytest.approx((chances[0][best.label_id] + chances[1][best.label_id]) / 2, abs=1e-5)


def test_what_answers_together_can_be_compared() -> None:
    task = build_task("classify", "efficientnet_lite0,efficientnet_lite0+efficientnet_lite1", options=CPU)
    (answer,) = task.predict([task.prepare(PICTURE)])
    assert list(answer.extra["compare"]) == ["efficientnet_lite0", "efficientnet_lite0+efficientnet_lite1"]


@pytest.mark.parametrize(
    ("task", "model", "settings", "words"),
    [
        ("classify", "efficientnet_lite0", {"fuse": "mean"}, "puts several networks together"),
        ("classify", "efficientnet_lite0,resnet18", {"fuse": "max"}, "--fuse is mean, not 'max'"),
        ("segment", "deeplab_v3_mobilenet_v2+fcn_resnet50", {}, "put together by classify and detect"),
        ("pose", "movenet_lightning", {"detector": "movenet_lightning"}, "cannot detect"),
        ("pose", None, {"detector": "ssd_mobilenet_v2", "single": True}, "--detector does not go with --single"),
        ("segment", None, {"detector": "ssd_mobilenet_v2"}, "--detector is for --mode instance"),
        ("pose", "keypointrcnn_resnet50_fpn", {"detector": "ssd_mobilenet_v2"}, "looks at the picture by itself"),
    ],
)
def test_networks_that_cannot_be_joined_are_wrong_usage(
    task: str, model: str | None, settings: dict[str, str], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        build_task(task, model, options=CPU, **settings)


def test_networks_of_other_classes_do_not_answer_together(tmp_path: Path) -> None:
    for name, labels in (("a", ("ants", "bees")), ("b", ("ants", "wasps"))):
        make_run(tmp_path / name, labels=labels)
    with pytest.raises(UsageError, match="know different classes"):
        build_task("classify", f"{tmp_path / 'a'}+{tmp_path / 'b'}", options=CPU)
