"""Whether a picture is like those that a model learnt from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from .picture import Grey

_CELLS = 7  # a side: so coarsely, parts of a body are told from anything else and not from illness
_SHARE = 0.999  # of the pictures that were learnt from are within the limit, each by others


@dataclass(frozen=True)
class Usual:
    """Mean and precision of coarse pictures, and how far from them is too far.

    The distance is Mahalanobis', of means over 7 × 7 cells, in the picture's own contrast.

    Attributes:
        mean: (49,); `precision`: (49, 49).
        furthest: the distance within which nearly all pictures that were learnt from are.
    """

    mean: Tensor
    precision: Tensor
    furthest: float

    def distances(self, pixels: Grey) -> Tensor:
        """(n,) of (n, side, side) pictures."""
        away = _cells(pixels) - self.mean
        return torch.einsum("ni,ij,nj->n", away, self.precision, away).clamp(min=0).sqrt()


def fit_usual(pixels: Grey) -> Usual:
    """What is usual of (n, side, side) pictures.

    Source: Ledoit & Wolf, A Well-Conditioned Estimator for Large-Dimensional Covariance Matrices,
    Journal of Multivariate Analysis 2004.
    """
    from sklearn.covariance import LedoitWolf

    def fitted(part: Grey) -> Usual:
        made = LedoitWolf().fit(_cells(part).numpy())
        return Usual(torch.from_numpy(made.location_), torch.from_numpy(made.precision_), 0.0)

    # Pictures are nearer to a mean of which they are a part: each half is measured by the other.
    halves = pixels[::2], pixels[1::2]
    away = [fitted(halves[k]).distances(halves[1 - k]).numpy() for k in (0, 1)]
    return replace(fitted(pixels), furthest=float(np.quantile(np.concatenate(away), _SHARE)))


def _cells(pixels: Grey) -> Tensor:
    cells = adaptive_avg_pool2d(torch.from_numpy(pixels).double()[:, None], _CELLS).flatten(1)
    spread = cells.std(1, keepdim=True, correction=0)
    return (cells - cells.mean(1, keepdim=True)) / (spread + 1e-3)
