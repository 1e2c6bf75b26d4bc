from typing import Any

from visioncli.training.adversarial.generate_card import GeneratorCard, MadeNumbers, generator_card

NUMBERS = {"distance": 12.3456, "precision": 0.8, "recall": 0.61, "recognised": 0.97}


def card(**changes: Any) -> str:
    facts: dict[str, Any] = {
        "name": "run",
        "command": ["vision", "train", "my digits"],
        "version": "1",
        "architecture": "dcgan:28x1x16x64:10",
        "source": "my digits",
        "format": "class folders",
        "classes": tuple("0123456789"),
        "pictures": {"train": 1000, "val": 100, "test": 0},
        "size": 28,
        "channels": 1,
        "parameters": 12_345,
        "reports": {"val": MadeNumbers(made=2000, real=100, numbers=NUMBERS)},
        "judge": "lenet at 32 pixels",
        "copying": 0.9,
        "augments": True,
        "mirrors": False,
        "epochs": 7.0,
        "steps": 5915,
        "seed": 0,
        "unreadable": 0,
        "leaks": 0,
        "seconds": 200.0,
        "weights_sha256": "ab" * 32,
    }
    return generator_card(GeneratorCard(**(facts | changes)))


def test_numbers_stand_with_their_judge_and_counts() -> None:
    text = card()
    assert "By features of lenet at 32 pixels" in text
    assert "is not FID" in text
    for line in (
        "| Fréchet distance of features | 12.346 |",
        "| precision | 0.800 |",
        "| recognised as the class asked for | 0.970 |",
        "| made pictures | 2,000 |",
        "| real pictures | 100 |",
    ):
        assert line in text
    assert "0.90 times as far" in text
    assert "of any of 10 classes that is asked for" in text
    assert "vision train 'my digits'" in text


def test_numbers_of_few_real_pictures_are_doubted() -> None:
    many = {"test": MadeNumbers(made=2000, real=500, numbers=NUMBERS)}
    assert "**70 real pictures are few" in card(
        reports={"val": MadeNumbers(made=2000, real=70, numbers=NUMBERS)} | many
    )
    assert "are few" not in card(reports=many)


def test_what_was_not_measured_is_left_out_or_said() -> None:
    numbers = {"distance": None, "precision": 0.5, "recall": None, "recognised": None}
    text = card(
        reports={
            "val": MadeNumbers(made=5, real=4, numbers=numbers),
            "test": MadeNumbers(made=5, real=4, numbers=NUMBERS),
        }
    )
    assert "| precision | 0.800 | 0.500 |" in text
    assert "| recall | 0.610 | not measured |" in text
    assert "times as far" not in card(copying=None)
    assert "classes" not in card(classes=()).split("##")[0]


def test_what_is_wrong_with_the_pictures_is_said() -> None:
    text = card(unreadable=3, leaks=2)
    assert "could not be read: 3" in text
    assert "in two parts at once: 2" in text
