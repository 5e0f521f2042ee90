"""A small U-Net: pictures to pictures of the same size."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (8, 16, 32, 64)  # channels of each resolution, the picture's own first
STEP = 2 ** (len(WIDTHS) - 1)  # height and width are multiples of it


class UNet(nn.Module):
    """(n, inputs, height, width) → (n, outputs, height, width); sides are multiples of `STEP`.

    Source: Ronneberger et al., U-Net: Convolutional Networks for Biomedical Image Segmentation,
    MICCAI 2015; here with batch normalisation, and with padding, so that sizes stay.
    """

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        self.down = nn.ModuleList(
            _block(a, b) for a, b in zip((n_in, *WIDTHS), WIDTHS, strict=False)
        )
        pairs = zip(WIDTHS[-2::-1], WIDTHS[:0:-1], strict=True)
        self.up = nn.ModuleList(_block(own + below, own) for own, below in pairs)
        self.outer = nn.Conv2d(WIDTHS[0], n_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The outputs, without an activation."""
        kept: list[Tensor] = []
        x = x.contiguous(memory_format=torch.channels_last)
        for level, block in enumerate(self.down):
            x = block(functional.max_pool2d(x, 2) if level else x)
            kept.append(x)
        for block in self.up:
            kept.pop()
            x = block(torch.cat([functional.interpolate(x, scale_factor=2.0), kept[-1]], 1))
        outputs: Tensor = self.outer(x)
        return outputs


def _block(n_in: int, n_out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n in (n_in, n_out):
        layers += [nn.Conv2d(n, n_out, 3, 1, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
    return nn.Sequential(*layers)
