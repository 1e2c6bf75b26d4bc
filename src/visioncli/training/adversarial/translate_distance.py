"""How like real pictures translated ones are: Fréchet's distance of features, both ways."""

import numpy as np
import torch

from visioncli.metrics.generated import frechet_distance
from visioncli.training.adversarial.judge import judge_of
from visioncli.weights.downloads import Access


class FeatureDistances:
    """Fréchet's distances of features between translated pictures and real ones, named after whose features they
    are: pictures of both kinds show different things, so that not even a perfect translation has a distance of 0."""

    def __init__(self, device: torch.device, access: Access) -> None:
        """Raises ModelUnavailable where the embedded classifier is not there."""
        self._judge = judge_of(None, (), device, access)
        self.name = self._judge.name
        self._features: list[np.ndarray] = []

    def compare_with(self, a: np.ndarray, b: np.ndarray) -> None:
        """Sets the real pictures of both kinds, `(N, S, S, 3) uint8`."""
        self._features = [self._judge.look(pixels)[0] for pixels in (a, b)]

    def before(self) -> float | None:
        """That of the real pictures of both kinds from each other: what a translation begins with."""
        return _distance(*self._features)

    def numbers(self, as_b: np.ndarray, as_a: np.ndarray) -> dict[str, float | None]:
        """`distance_a_to_b` and `distance_b_to_a`; None where there are too few pictures."""
        real_a, real_b = self._features
        return {
            "distance_a_to_b": _distance(self._judge.look(as_b)[0], real_b),
            "distance_b_to_a": _distance(self._judge.look(as_a)[0], real_a),
        }


def _distance(one: np.ndarray, other: np.ndarray) -> float | None:
    if min(len(one), len(other)) < 2 or not (np.isfinite(one).all() and np.isfinite(other).all()):
        return None
    return frechet_distance(one, other)
