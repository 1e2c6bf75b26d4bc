import subprocess
import sys
from typing import Any

import pytest

from visioncli import load
from visioncli.errors import UsageError
from visioncli.models import registry
from visioncli.tasks.beforehand import check_names, needs_detector


@pytest.fixture(autouse=True)
def nothing_loads(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    def refuse(*args: Any, **settings: Any) -> None:
        raise AssertionError("a network was fetched or loaded")

    monkeypatch.setenv("VISION_CACHE_DIR", str(tmp_path))
    for name in ("resolve.fetch", "engines.open_engine", "weights.load.load_network"):
        monkeypatch.setattr(f"visioncli.{name}", refuse)


@pytest.mark.parametrize(
    ("task", "model", "settings", "words"),
    [
        ("detect", None, {"classes": "cat,dgo"}, "no class 'dgo'. Did you mean dog"),
        ("detect", "fasterrcnn_resnet50_fpn", {"classes": "cat,dgo"}, "no class 'dgo'"),
        ("segment", None, {"mode": "instance", "classes": "dgo"}, "no class 'dgo'"),
        ("segment", "maskrcnn_resnet50_fpn", {"mode": "instance", "classes": "dgo"}, "no class 'dgo'"),
        ("segment", "maskrcnn_resnet50_fpn", {}, "maskrcnn_resnet50_fpn finds objects .* add --mode instance"),
        ("segment", "u2netp", {"mode": "instance"}, "u2netp tells the foreground .* add --mode foreground"),
        ("detect", "efficientdet_lite0", {"classes": "dgo"}, "no class 'dgo'"),
        (
            "segment",
            None,
            {"mode": "instance", "classes": "dgo", "detector": "retinanet_resnet50_fpn"},
            "no class 'dgo'",
        ),
        ("gradcam", None, {"target": "tabbi"}, "no class 'tabbi'. Did you mean tabby"),
        ("gradcam", "resnet18", {"target": "top-1", "layer": "layer4x"}, "no layer 'layer4x'.* Did you mean layer4"),
    ],
)
def test_names_are_checked_before_anything_is_fetched_or_loaded(
    task: str, model: str | None, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        load(task, model, **settings)


def test_names_that_are_known_pass() -> None:
    check_names("detect", registry.find("ssd_mobilenet_v2"), {"classes": "cat,18"})
    check_names("gradcam", registry.find("resnet18"), {"target": "tabby,top-2", "layer": "layer4"})
    check_names("classify", registry.find("resnet18"), {"top_k": 3})


def test_a_wrong_class_is_told_without_torch() -> None:
    program = (
        "import sys\nfrom visioncli import VisionError, load\n"
        "try: load('gradcam', target='tabbi')\n"
        "except VisionError: print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("task", "model", "settings", "needed"),
    [
        ("detect", "ssd_mobilenet_v2", {}, False),
        ("pose", "movenet_lightning", {}, True),
        ("pose", "movenet_lightning", {"single": True}, False),
        ("pose", "keypointrcnn_resnet50_fpn", {}, False),
        ("segment", "deeplab_v3_mobilenet_v2", {}, False),
        ("segment", "deeplab_v3_mobilenet_v2", {"mode": "instance"}, True),
        ("segment", "maskrcnn_resnet50_fpn", {"mode": "instance"}, False),
        ("caption", "object_layout", {}, True),
        ("caption", "template", {}, True),
    ],
)
def test_a_detector_is_needed_where_a_network_finds_no_objects_by_itself(
    task: str, model: str, settings: dict[str, Any], needed: bool
) -> None:
    assert needs_detector(task, registry.find(model), settings, None) is needed
    if not needed and task != "detect":
        with pytest.raises(UsageError, match="--detector"):
            needs_detector(task, registry.find(model), settings, "ssd_mobilenet_v2")
