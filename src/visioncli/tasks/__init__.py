"""Tasks by name. Each is imported when it is built, so that a command loads only what it runs."""

import importlib
from collections.abc import Callable
from typing import Any

from visioncli.tasks.interface import Task


def _lazy(module: str) -> Callable[..., Task]:
    def build(*args: Any, **settings: Any) -> Task:
        task: Task = importlib.import_module(f"visioncli.tasks.{module}.task").build(*args, **settings)
        return task

    return build


NETWORKS_OF = {"embed": "classify"}
"""Tasks that have no networks of their own, and whose networks they take."""

TASKS: dict[str, Callable[..., Task]] = {
    name: _lazy(name) for name in ("classify", "detect", "segment", "pose", "gradcam", "caption", "embed", "stylize")
}
