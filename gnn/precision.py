"""How many digits a training's products have."""

from __future__ import annotations

import torch


def mixed_precision(precision: str, device: torch.device) -> torch.autocast:
    """PyTorch's context in which products are of this precision (`settings.PRECISIONS`)."""
    lower = precision == "bfloat16" or (precision == "auto" and device.type == "cuda")
    return torch.autocast(device.type, torch.bfloat16, enabled=lower)
