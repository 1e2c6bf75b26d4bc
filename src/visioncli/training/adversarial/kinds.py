"""Which kinds of runs make pictures. Each is a file of its own, imported when it is asked for."""

from typing import Any

from visioncli.errors import UsageError
from visioncli.training.adversarial.kind import Kind


def kind_of(task: str) -> Kind[Any]:
    """The kind of run that `task` is."""
    if task == "generate":
        from visioncli.training.adversarial.generate import Generate

        return Generate()
    if task == "translate":
        from visioncli.training.adversarial.translate import Translate

        return Translate()
    raise UsageError(f"There is no kind of run for {task}.")
