"""Image-to-text checkpoints of transformers, by tiny random ones that are made here."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import transformers
from PIL import Image

from visioncli.api import build_task
from visioncli.errors import ModelUnavailable
from visioncli.pictures import read

WORDS = ["[PAD]", "[BOS]", "[EOS]", "[UNK]", "a", "cat", "dog", "on", "the", "mat"]


def save_tokeniser(folder: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", bos_token="[BOS]", eos_token="[EOS]", unk_token="[UNK]"
    ).save_pretrained(folder)
    size = {"height": 32, "width": 32}
    transformers.ViTImageProcessor(size=size).save_pretrained(folder)


def vit_gpt2(folder: Path) -> None:
    eye = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=16
    )
    voice = transformers.GPT2Config(
        vocab_size=len(WORDS),
        n_embd=16,
        n_layer=1,
        n_head=2,
        n_positions=32,
        add_cross_attention=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    network = transformers.VisionEncoderDecoderModel(
        encoder=transformers.ViTModel(eye), decoder=transformers.GPT2LMHeadModel(voice)
    )
    network.config.decoder_start_token_id = network.generation_config.decoder_start_token_id = 1
    network.config.pad_token_id = network.generation_config.pad_token_id = 0
    network.generation_config.eos_token_id = 2
    network.save_pretrained(folder)


def git(folder: Path) -> None:
    eye = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    transformers.GitForCausalLM(
        transformers.GitConfig(
            vision_config=eye | {"image_size": 32, "patch_size": 16},
            vocab_size=len(WORDS),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=32,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    ).save_pretrained(folder)


@pytest.mark.parametrize("make", [vit_gpt2, git])
def test_a_local_checkpoint_gives_sentences_of_its_own_words(make: Callable[[Path], None], tmp_path: Path) -> None:
    import torch

    torch.manual_seed(0)
    folder = tmp_path / "checkpoint"
    make(folder)
    save_tokeniser(folder)
    path = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)).save(path)
    task = build_task("caption", f"hf:{folder}", offline=True, top=2, beams=3, max_words=4)
    picture = read(str(path))
    (answer,) = task.predict([task.prepare(picture)])
    assert len(answer.predictions) == 2
    first, second = answer.predictions
    assert set(first.caption.split()) <= set(WORDS)
    assert len(first.caption.split()) <= 4
    assert first.log_probability <= 0
    assert first != second
    assert task.predict([task.prepare(picture)] * 2) == [answer, answer]


def test_a_folder_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"There is no folder .*nowhere"):
        build_task("caption", f"hf:{tmp_path / 'nowhere'}", offline=True)
