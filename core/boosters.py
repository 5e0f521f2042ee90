"""Gradient boosting's trees as tensors: LightGBM's own text, byte by byte."""

from __future__ import annotations

import lightgbm
import numpy as np
import torch
from torch import Tensor

from .errors import ModelError


def booster_tensor(booster: lightgbm.Booster) -> Tensor:
    """The booster's text as bytes."""
    return torch.from_numpy(np.frombuffer(booster.model_to_string().encode(), np.uint8).copy())


def booster_from_tensor(tensor: Tensor) -> lightgbm.Booster:
    """The booster that gave this `tensor`.

    Raises:
        ModelError: it is no text of a booster.
    """
    try:
        return lightgbm.Booster(model_str=tensor.numpy().tobytes().decode())
    except (lightgbm.basic.LightGBMError, ValueError) as error:
        raise ModelError(f"the trees are damaged ({error}); train the model anew") from error
