"""From where nuclei are to each of them: parted, counted and measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu
from skimage.measure import label
from skimage.segmentation import watershed

from ..picture import Colours, brightness

_BLUR, _APART = 0.5, 2  # pixels: of the distance to the border, and between two nuclei's middles
Mask = NDArray[np.bool_]
Labels = NDArray[np.int32]


def part_nuclei(mask: Mask) -> Labels:
    """(height, width) → the same with a number, from 1, for each nucleus; 0 elsewhere.

    Nuclei that touch are parted by a watershed of the distance to their border.
    """
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), _BLUR)
    joined = label(mask)
    peaks = peak_local_max(distance, min_distance=_APART, labels=joined, exclude_border=False)
    seeds = np.zeros(mask.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return np.asarray(watershed(-distance, seeds, mask=mask), np.int32)


def otsu_mask(picture: Colours) -> Mask:
    """(height, width, 3) → where nuclei are by Otsu's threshold of brightness: the baseline.

    Nuclei are the side of the threshold that covers less of the picture.

    Source: Otsu, A Threshold Selection Method from Gray-Level Histograms, IEEE Transactions on
    Systems, Man, and Cybernetics 1979.
    """
    grey = brightness(picture)
    if not np.ptp(grey):
        return np.zeros(grey.shape, bool)
    bright = grey > threshold_otsu(grey)
    return np.asarray(~bright if bright.mean() > 0.5 else bright)
