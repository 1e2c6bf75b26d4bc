import dataclasses

import pytest
from markdown_it import MarkdownIt

from visioncli.training.model_card import CardFacts, ClassFacts, Measured, model_card

FACTS = CardFacts(
    name="insects",
    command=["vision", "train", "my photos", "-o", "insects"],
    version="1.0",
    architecture="efficientnet_lite:lite0",
    source="my photos",
    format="class folders",
    classes=(
        ClassFacts("ants", (98, 24, 0), Measured(0.917, 0.75, 1.0)),
        ClassFacts("bees", (8, 3, 0), Measured(0.333, 0.0, 1.0)),
    ),
    unfreeze="none",
    seed=7,
    base="efficientnet_lite0",
    base_license="Apache-2.0",
    base_data="ImageNet-1k",
    input_size=(224, 224),
    numbers={"val": {"accuracy": Measured(0.943, 0.892, 0.981), "log_loss": Measured(0.2)}},
    temperature=1.3,
    calibration_error=(0.061, 0.024),
    suspects=3,
    seconds=75.4,
    weights_sha256="ab" * 32,
)


def card(**changes):
    return model_card(dataclasses.replace(FACTS, **changes))


def test_the_card_says_what_was_measured_with_its_interval_and_how_it_flatters():
    text = card()
    assert "| accuracy | 0.943 [0.892, 0.981] |" in text
    assert "| log loss | 0.200 |" in text
    assert "on new pictures expect a little less" in text
    assert "No test part was measured." in text
    assert "106 for training, 27 for validation." in text
    assert "temperature of 1.3" in text and "from 0.061 to 0.024" in text


def test_the_card_says_where_the_network_fails():
    text = card()
    assert "Fewer than 10 pictures for training: bees." in text
    assert "Finding bees: it misses more than half of these." in text
    assert "Pictures that may have a wrong label: 3" in text
    assert "it knows only its classes and names one of them for every picture" in text


def test_the_card_names_licence_command_and_seed():
    text = card()
    assert "The base network `efficientnet_lite0` is under Apache-2.0 and learned from ImageNet-1k" in text
    assert "vision train 'my photos' -o insects" in text
    assert "visioncli 1.0, seed 7. It took 1 min 15 s." in text


def test_what_was_not_measured_is_said_to_be_so():
    text = card(numbers={}, temperature=None, calibration_error=None, classes=(ClassFacts("ants", (3, 0, 0)),) * 2)
    assert "This was not measured" in text and "They were not calibrated" in text
    assert "| ants | 3 | 0 | 0 | not measured |" in text
    assert "nan" not in card(numbers={"val": {"accuracy": Measured(float("nan"))}})


def test_leaks_that_were_allowed_are_said_before_the_numbers():
    text = card(leaks=12)
    assert text.index("The numbers below are too good") < text.index("## How good it is")


def test_training_from_nothing_has_no_base_network():
    text = card(base="", base_license="", unfreeze="scratch")
    assert "curves.png" in text
    assert "curves.png" not in card(unfreeze="none")
    assert "from random numbers" in text and "base network `" not in text


def test_several_labels_have_thresholds_and_no_forced_choice():
    text = card(multi_label=True, thresholds={"ants": 0.4, "bees": 0.55})
    assert "ants 0.40, bees 0.55" in text
    assert "names one of them for every picture" not in text


@pytest.mark.parametrize(
    "label", ["a|b", "# x\n\n## y", "<script>", "`code`", "![](http://x)", "a\\", "~~~", "\x1b[31m"]
)
def test_names_of_classes_cannot_break_the_page(label):
    text = card(
        classes=(ClassFacts(label, (20, 5, 0), Measured(0.1)), FACTS.classes[0]),
        name=label,
        source=label,
        command=["vision", "train", f"{label}\n```\n# no"],
    )
    page = MarkdownIt("commonmark").enable("table").render(text)
    rows = page.split("<tbody>")[-1].split("</tbody>")[0]
    assert rows.count("<td") == 10
    assert page.count("<h2>") == 6 and page.count("<h1>") == 1
    assert "<script" not in page and "<img" not in page and "<code>code" not in rows


def test_of_many_classes_the_worst_are_shown():
    classes = [ClassFacts(f"c{k}", (20, 5, 0), Measured(k / 200)) for k in range(200)]
    text = card(classes=classes)
    assert "The 50 classes that are found worst, of 200" in text
    assert "| c0 |" in text and "| c60 |" not in text
