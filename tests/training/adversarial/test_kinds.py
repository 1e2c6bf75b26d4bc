import pytest

from visioncli.cli import train as command
from visioncli.errors import UsageError
from visioncli.models import registry
from visioncli.models.trainable import is_trainable
from visioncli.training import train
from visioncli.training.adversarial.kinds import kind_of
from visioncli.training.adversarial.run import TASKS


def test_the_commands_words_are_the_tasks_that_are_learned() -> None:
    assert set(command.TASKS) == set(train.TASKS)
    assert set(TASKS) <= set(train.TASKS)


def test_a_kind_of_run_begins_with_a_network_that_can_be_trained() -> None:
    kind = kind_of("generate")
    assert kind.task == "generate"
    row = registry.find(kind.default, "generate")
    assert is_trainable(row, "generate")
    assert {r.name for r in registry.all_rows() if is_trainable(r, "generate")} == {"dcgan", "style_generator"}


def test_other_tasks_are_no_kinds_of_runs() -> None:
    with pytest.raises(UsageError, match="no kind of run for dance"):
        kind_of("dance")
