"""Chest radiographs brought to twice their size, beside bicubic: docs/benchmarks/images.md.

    python benchmarks/super_resolution.py DATA [--seeds 0 1 2]

DATA is the folder of PneumoniaMNIST's npz file (`xray-pneumonia`). Its pictures are brought to half
of their sides (means over 2 × 2 pixels), and back. What `medkg train restoration --task size`
trains learns on the training part; all is measured on the validation part: PSNR, the mean over
pictures, how much more it is than bicubic interpolation's with an interval of the bootstrap, and
the AUC of the classifier that ships.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from denoising import Rows, parts_of, trained

from medkg.signals.images.restoration.network import enlarged, halved, restored
from medkg.signals.images.restoration.train import psnr_of


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    learnt, judged, ill = parts_of(arguments.data)
    small = halved(judged)
    bicubic = enlarged(small)
    rows = Rows(judged, ill, psnr_of(bicubic, judged))
    print("| way back | PSNR, dB | less bicubic (95 %) | AUC of the classifier |")
    print("|---|---|---|---|")
    rows.print_clean()
    rows.print("nearest", np.repeat(np.repeat(small, 2, 1), 2, 2))
    rows.print("bicubic", bicubic)
    for seed in arguments.seeds:
        began = time.process_time()
        network = trained(learnt, None, seed)
        rows.print(f"network, seed {seed}", restored(network, bicubic))
        print(f"seed {seed}: {time.process_time() - began:.0f} CPU seconds", flush=True)


if __name__ == "__main__":
    main()
