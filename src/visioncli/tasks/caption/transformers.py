"""Captions by image-to-text checkpoints of transformers: BLIP, GIT, ViT-GPT2 and their like.

They see pixels, not objects, so nothing keeps them from naming what is not there.
"""

from collections.abc import Sequence

import numpy as np
import torch

from visioncli.engines.interface import EngineOptions, check_finite
from visioncli.engines.pytorch import choose_device
from visioncli.errors import UsageError
from visioncli.families import transformers as hf
from visioncli.models.row import Hub, ModelRow
from visioncli.pictures import Picture
from visioncli.predictions import Caption
from visioncli.results import ModelInfo
from visioncli.tasks.interface import Answer, Task

TOKENS_A_WORD = 2
"""Room for words of several tokens; longer sentences are cut to `max_words`."""


class HubCaptionTask(Task):
    """Beam search over the checkpoint's words, one picture at a time, so that neighbours never matter."""

    name = "caption"

    def __init__(
        self,
        row: ModelRow,
        *,
        beams: int,
        top: int,
        max_words: int,
        options: EngineOptions | None = None,
    ) -> None:
        assert isinstance(row.source, Hub)
        self._source = row.source
        options = options or EngineOptions()
        if options.engine == "onnx" or options.precision not in ("auto", "fp32"):
            raise UsageError("Checkpoints of transformers run with --engine torch and --precision fp32.")
        self._device = choose_device(options.device)
        if options.threads is not None:
            torch.set_num_threads(options.threads)
        self._network = hf.load(row).to(self._device)
        self._tokeniser = hf.tokeniser(row.source)
        self._beams, self._top, self._max_words = max(beams, top), top, max_words
        self.labels = {}
        self.model = ModelInfo(row.name, row.source.sha256, "fp32")
        self.settings = {"beams": beams, "top": top, "max_words": max_words}

    def prepare(self, picture: Picture) -> np.ndarray:
        """`(3, h, w) float32`, as the checkpoint's own processor makes it."""
        return hf.prepare(self._source, np.array(picture.image))

    def predict(self, batch: Sequence[np.ndarray]) -> list[Answer]:
        """The best sentences of each picture."""
        return [Answer(self._captions(pixels)) for pixels in batch]

    def _captions(self, pixels: np.ndarray) -> tuple[Caption, ...]:
        with torch.inference_mode():
            found = self._network.generate(  # type: ignore[operator]
                pixel_values=torch.from_numpy(pixels)[None].to(self._device),
                num_beams=self._beams,
                num_return_sequences=self._top,
                max_new_tokens=self._max_words * TOKENS_A_WORD,
                do_sample=False,
                return_dict_in_generate=True,
                output_scores=True,
            )
            steps = self._network.compute_transition_scores(  # type: ignore[operator]
                found.sequences, found.scores, getattr(found, "beam_indices", None), normalize_logits=self._beams == 1
            )
        check_finite((torch.nan_to_num(steps, nan=torch.nan, neginf=0.0).cpu().numpy(),))
        # Steps behind a sentence's end hold minus infinity or zero.
        sums = torch.where(torch.isfinite(steps), steps, 0.0).sum(dim=1).tolist()
        texts = self._tokeniser.batch_decode(found.sequences, skip_special_tokens=True)
        return tuple(
            Caption(" ".join(text.split()[: self._max_words]), log_probability)
            for text, log_probability in zip(texts, sums, strict=True)
        )
