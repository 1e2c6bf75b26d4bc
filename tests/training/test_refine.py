import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
CAPTIONS = {
    1: [["a", "man", "with", "a", "dog"], ["a", "man", "walks", "a", "dog"]],
    2: [["a", "cat", "on", "a", "couch"], ["the", "cat", "sits"]],
    3: [["a", "plane", "in", "the", "sky"], ["a", "large", "plane"]],
}


@pytest.fixture(autouse=True)
def training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "training"))


@pytest.mark.parametrize("told", ["a man with a dog", "dog dog dog", "sits", "a green plane in the sky of a man"])
def test_the_reward_is_the_cider_of_pycocoevalcap(told: str) -> None:
    from pycocoevalcap.cider.cider import Cider as Official
    from reward import Cider

    truth = {key: [" ".join(words) for words in own] for key, own in CAPTIONS.items()}
    _, each = Official().compute_score(truth, {key: [told] for key in CAPTIONS})
    mine = Cider(CAPTIONS)
    assert [mine.score(key, told.split()) for key in CAPTIONS] == pytest.approx(list(each), abs=1e-12)


def test_naming_an_absent_class_costs_the_fine_and_a_sentence_without_end_is_worth_nothing() -> None:
    from layouts import Layout
    from refine import Critic

    from visioncli.tasks.caption.words import Vocabulary

    vocabulary = Vocabulary.of((c for own in CAPTIONS.values() for c in own), 1)
    pictures = [Layout(k, 9, 9, np.zeros((1, 4)), np.array([label]), CAPTIONS[k]) for k, label in ((1, 18), (2, 17))]
    critic = Critic(pictures, vocabulary, fine=2.0)
    whole = vocabulary.encode(["the", "cat", "sits"])[1:]
    value, absent = critic.worth(pictures[1], whole)
    assert value > 1
    assert not absent
    assert critic.worth(pictures[1], whole[:-1]) == (0.0, False)
    assert critic.worth(pictures[0], vocabulary.encode(["a", "cat"])[1:])[1]
    assert critic.worth(pictures[0], vocabulary.encode(["cat"])[1:])[0] == pytest.approx(-2)


def test_sampled_sentences_keep_the_rules() -> None:
    import refine
    import torch

    from visioncli.networks.object_layout import ObjectLayout, Sizes
    from visioncli.tasks.caption.beam_search import object_features
    from visioncli.tasks.caption.words import FUNCTION_WORDS, Vocabulary

    vocabulary = Vocabulary.of([*(c for own in CAPTIONS.values() for c in own), ["red", "dogs", "cats", "hot"]], 1)
    rules = refine.Rules(vocabulary)
    seen = [object_features([[0, 0, 50, 50]], [0.9], [18], 100, 100)]
    torch.manual_seed(0)
    network = ObjectLayout(Sizes(len(vocabulary), word=8, memory=8, hidden=8)).eval()
    present = torch.ones(64, 1, dtype=torch.bool)
    memory = torch.randn(64, 2, 8)
    told = refine.sample(network, memory, present, rules.blocked(seen).expand(64, -1), rules, 12)
    assert told.blocked.shape == (64, told.words.shape[1] - 1, len(vocabulary))
    sentences = [[vocabulary.words[n] for n in row if n > Vocabulary.UNKNOWN] for row in told.words.tolist()]
    said = {word for words in sentences for word in words}
    assert {"dog", "dogs"} <= said
    assert not {"cat", "cats", "plane", "red"} & said
    for words in sentences:
        content = [w.removesuffix("s") if w.startswith("dog") else w for w in words if w not in FUNCTION_WORDS]
        assert len(content) == len(set(content))


def test_refined_members_load_and_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    from visioncli.networks.object_layout import load

    data = tmp_path / "tiny.jsonl"
    scenes = ((1, [1, 18]), (2, [17, 63]), (3, [5]))
    with data.open("w") as file:
        for image_id in range(24):
            key, labels = scenes[image_id % 3]
            objects = [{"category_id": label, "bbox": [20, 20, 300, 200]} for label in labels]
            told = [" ".join(words) for words in CAPTIONS[key]]
            row = {"image_id": image_id, "width": 400, "height": 300, "objects": objects, "captions": told}
            file.write(json.dumps(row) + "\n")

    def run(program: str, out: str, *more: str) -> Path:
        command = [
            sys.executable,
            str(ROOT / "training" / program),
            "--data",
            str(data),
            "--out",
            str(tmp_path / out),
        ]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
        shared = ["--epochs", "1", "--batch", "8", "--val", "0.2"]
        subprocess.run([*command, *shared, *more], env=environment, capture_output=True, check=True)
        return tmp_path / out / "object_layout.safetensors"

    first = run("caption.py", "first", "--width", "16", "--least-count", "1")
    one, two = (run("refine.py", out, "--join", str(first)) for out in ("one", "two"))
    assert one.read_bytes() == two.read_bytes() != first.read_bytes()
    assert load(one)[1] == load(first)[1]
    metrics = json.loads((tmp_path / "one" / "metrics.json").read_text())
    assert {"worth", "absent_told", "cider", "absent"} <= metrics["member_1"][-1].keys()
