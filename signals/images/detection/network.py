"""Mask R-CNN over a small network of our own, its training, and what it sees in pictures."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.rpn import AnchorGenerator
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign

from ....core.progress import track
from ....core.threads import one_thread
from ..network import ResidualBlock
from ..picture import Colours
from ..segmentation.nuclei import Labels

_WIDTHS = (16, 32, 64)  # channels of the maps of a half, a quarter and an eighth of the side
_PYRAMID = 48  # channels of every map that things are looked for in
_HIDDEN = 128
_ANCHORS = ((6.0, 10.0), (16.0, 24.0), (40.0, 64.0))  # pixels of a box's side, of each map
_RATIOS = (0.6, 1.0, 1.7)  # of height to width
_MOST = 200  # things in a picture
_EPOCHS, _BATCH, _RATE, _DECAY = 6, 4, 2e-3, 0.02
_LEAST_STEPS = 200  # few pictures are learnt from more often
_PART = 0.75  # of a picture's side is learnt from at a time, another part each time
_SMALLEST = 6  # pixels of a thing that a part cuts off: less is left out
_INVERTED, _MIXED, _GAMMA = 0.3, 0.5, 0.3  # as of `segmentation.network`
_CLIP = 5.0  # norm of the gradient
_MASK = 0.5  # of the probability that a pixel of a box is of the thing
Target = dict[str, Tensor]


class Seen(NamedTuple):
    """The things that are seen in a picture, the surest first.

    Attributes:
        boxes: (n, 4): left, top, right and bottom in pixels.
        scores: (n,): how sure each is, 0–1.
        labels: (height, width): the number of the thing, from 1, that a pixel is of; 0 of none. Of
            things that overlap the surer one has the pixel.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: Labels


class _Maps(nn.Module):
    """(n, 3, side, side) → maps of a half, a quarter and an eighth of the side, as a pyramid.

    Source: Lin et al., Feature Pyramid Networks for Object Detection, CVPR 2017.
    """

    def __init__(self) -> None:
        super().__init__()
        pairs = zip((_WIDTHS[0], *_WIDTHS), _WIDTHS, strict=False)
        self.first = nn.Sequential(
            nn.Conv2d(3, _WIDTHS[0], 3, 1, 1, bias=False), nn.BatchNorm2d(_WIDTHS[0]), nn.ReLU()
        )
        self.levels = nn.ModuleList(
            nn.Sequential(ResidualBlock(a, b, 2), ResidualBlock(b, b, 1)) for a, b in pairs
        )
        self.pyramid = FeaturePyramidNetwork(list(_WIDTHS), _PYRAMID)
        self.out_channels = _PYRAMID  # that torchvision asks for

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """The maps by their names, the largest first."""
        x = self.first(pictures)
        maps: OrderedDict[str, Tensor] = OrderedDict()
        for number, level in enumerate(self.levels):
            x = level(x)
            maps[str(number)] = x
        pyramid: dict[str, Tensor] = self.pyramid(maps)
        return pyramid


def mask_rcnn() -> MaskRCNN:
    """A network that looks for things of one kind, its weights random.

    Source: He et al., Mask R-CNN, ICCV 2017, as torchvision has it.
    """
    names = [str(number) for number in range(len(_WIDTHS))]
    anchors = AnchorGenerator(_ANCHORS, (_RATIOS,) * len(_ANCHORS))
    return MaskRCNN(
        _Maps(),
        rpn_anchor_generator=anchors,
        box_roi_pool=MultiScaleRoIAlign(names, 7, 2, canonical_scale=32, canonical_level=2),
        box_head=TwoMLPHead(_PYRAMID * 7**2, _HIDDEN),
        box_predictor=FastRCNNPredictor(_HIDDEN, 2),
        mask_roi_pool=MultiScaleRoIAlign(names, 14, 2, canonical_scale=32, canonical_level=2),
        mask_head=MaskRCNNHeads(_PYRAMID, (_PYRAMID, _PYRAMID), 1),
        mask_predictor=MaskRCNNPredictor(_PYRAMID, _PYRAMID, 2),
        image_mean=[0.0] * 3,
        image_std=[1.0] * 3,
        rpn_pre_nms_top_n_train=600,
        rpn_pre_nms_top_n_test=600,
        rpn_post_nms_top_n_train=300,
        rpn_post_nms_top_n_test=300,
        rpn_batch_size_per_image=128,
        box_batch_size_per_image=64,
        box_detections_per_img=_MOST,
        box_nms_thresh=0.4,
        _skip_resize=True,  # in training; for the rest see `things_in`
    )


@one_thread()
def train_network(pixels: Colours, numbers: Labels, seed: int) -> MaskRCNN:
    """Train a network; the same seed gives the same one.

    Args:
        pixels: (n, side, side, 3), 0–1.
        numbers: (n, side, side): the number of the thing that a pixel is of; 0 of none.
    """
    torch.manual_seed(seed)
    network = mask_rcnn()
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    y = torch.from_numpy(numbers)
    n_batches = max(1, len(y) // _BATCH)
    epochs = max(_EPOCHS, math.ceil(_LEAST_STEPS / n_batches))
    optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=_DECAY)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, epochs * n_batches, pct_start=0.2)
    network.train()
    for _ in track(range(epochs), "Epochs"):
        for rows in torch.randperm(len(y))[: n_batches * _BATCH].chunk(n_batches):
            pictures, targets = zip(*(_varied(x[row], y[row]) for row in rows), strict=True)
            losses = network(list(pictures), list(targets))
            optimiser.zero_grad()
            torch.autograd.backward(sum(losses.values(), torch.zeros(())))
            nn.utils.clip_grad_norm_(network.parameters(), _CLIP)
            optimiser.step()
            rate.step()
    network.eval()
    return network


def _varied(picture: Tensor, numbers: Tensor) -> tuple[Tensor, Target]:
    """A part of a picture (3, side, side), turned, mirrored, of other colours, and its things."""
    side = picture.shape[-1]
    part = int(_PART * side)
    down, across = torch.randint(side - part + 1, (2,)).tolist()
    both = torch.cat([picture, numbers[None].float()])
    both = both[:, down : down + part, across : across + part]
    both = torch.rot90(both, int(torch.randint(4, ())), (1, 2))
    if torch.rand(()) < 0.5:
        both = both.flip(2)
    x = both[:3]
    if torch.rand(()) < _INVERTED:
        x = 1 - x
    if torch.rand(()) < _MIXED:
        x = x[torch.randperm(3)]
    x = x ** torch.exp((torch.rand(()) * 2 - 1) * _GAMMA)
    return _standardised(x), target_of(both[3].long())


def target_of(numbers: Tensor) -> Target:
    """What torchvision is told of a picture: the boxes, masks and labels of its things.

    Args:
        numbers: (height, width): of the thing that a pixel is of; 0 of none.
    """
    sizes = torch.bincount(numbers.flatten())
    sizes[0] = 0
    masks = numbers == torch.nonzero(sizes >= _SMALLEST)[:, :1, None]
    boxes = torch.zeros(len(masks), 4)
    for axis, start in ((1, 0), (2, 1)):  # over rows for left and right, over columns for the rest
        lines = masks.any(axis)
        boxes[:, start] = lines.int().argmax(1)
        boxes[:, start + 2] = lines.shape[1] - lines.flip(1).int().argmax(1)
    labels = torch.ones(len(masks), dtype=torch.int64)
    return {"boxes": boxes, "masks": masks.to(torch.uint8), "labels": labels}


def _standardised(picture: Tensor) -> Tensor:
    """By its own mean and deviation, so that brightness and contrast count for nothing."""
    return (picture - picture.mean()) / (picture.std() + 1e-2)


@one_thread()
@torch.no_grad()
def things_in(network: MaskRCNN, picture: Colours, least: float) -> Seen:
    """The things in a (height, width, 3) picture, 0–1.

    Args:
        least: the score from which a thing is given.
    """
    x = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)
    # What torchvision would bring a picture to before it looks: here its own size.
    height, width = x.shape[1:]
    network.transform.min_size, network.transform.max_size = (min(height, width),), max(x.shape)
    [seen] = network([_standardised(x)])
    labels = np.zeros(picture.shape[:2], np.int32)
    rows: list[int] = []
    for row in torch.nonzero(seen["scores"] >= least)[:, 0].tolist():  # the surest come first
        place = (seen["masks"][row, 0] > _MASK).numpy() & (labels == 0)
        if place.any():
            rows.append(row)
            labels[place] = len(rows)
    return Seen(seen["boxes"][rows].numpy(), seen["scores"][rows].numpy(), labels)
