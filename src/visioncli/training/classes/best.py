"""The best network of classes so far, written so that it can be used at once."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from visioncli.errors import UsageError
from visioncli.metrics.calibration import fit_temperature, fit_thresholds
from visioncli.models.row import ModelRow
from visioncli.weights.checkpoints import architecture
from visioncli.weights.heads import head_of
from visioncli.weights.runs import write_model


def keep_model(
    run: Path,
    row: ModelRow,
    state: dict[str, Tensor],
    logits: np.ndarray,
    answers: np.ndarray,
    facts: dict[str, Any],
) -> ModelRow:
    """Writes the best model so far, calibrated on its `(N, C)` logits of the validation pictures: usable at once."""
    row = calibrated(row, logits, answers)
    return write_model(run, row, state, facts | {"finished": False})


def calibrated(row: ModelRow, logits: np.ndarray, answers: np.ndarray) -> ModelRow:
    """`row` with the temperature that suits its logits; for several labels a picture, with a threshold each."""
    if not len(logits):
        return row
    if answers.ndim == 1:
        return dataclasses.replace(row, temperature=float(fit_temperature(logits, answers)))
    probabilities = 1 / (1 + np.exp(-logits.astype(np.float64)))
    return dataclasses.replace(row, thresholds=tuple(map(float, fit_thresholds(probabilities, answers > 0.5))))


def with_head(row: ModelRow, base: nn.Module, weight: np.ndarray, bias: np.ndarray) -> dict[str, Tensor]:
    """The tensors of `row`'s network: those of the `base` network, and the head that was fitted on its features."""
    module, variant = architecture(row)
    with torch.device("meta"):
        network: nn.Module = module.build(*variant)
    name, head = head_of(network, row)
    if head.bias is None:
        raise UsageError(f"The last layer of {row.name} has no bias, so that no head can be fitted for it alone.")
    state = {key: tensor.clone() for key, tensor in base.state_dict().items()}
    state[f"{name}.weight"] = torch.from_numpy(weight)
    state[f"{name}.bias"] = torch.from_numpy(bias)
    return state
