"""Pictures to findings of things that are looked for: boxes in words, masks as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ....core.errors import DataError
from ....core.extras import explained_imports
from ....core.quarantine import Quarantine
from ...codes import Code, check_codes, read_codes
from ...files import read_files
from ...finding import Finding
from ..picture import SUFFIXES, Picture, read_coloured
from ..read import CODES
from ..region import box_in_words
from ..segmentation.read import write_mask
from ..written import check_out
from .model import THRESHOLD, Detector
from .network import Seen

MASK_SUFFIX = ".things.png"
_NAMED = 3  # boxes that a finding names, and the number of all


@explained_imports()
def read_things(
    paths: Sequence[Path | str],
    *,
    model: Path | str,
    codes: Path | str | None = None,
    masks: Path | str | None = None,
    field: int | None = None,
    quarantine: Quarantine,
    remarks: list[str] | None = None,
) -> tuple[list[Finding], int]:
    """The findings of pictures, and the number of files that were read.

    A file that can't be read is set aside.

    Args:
        paths: PNG, JPEG, BMP, TIFF or DICOM files, or folders of them.
        model: a folder of `medkg train detection`.
        codes: a user's own `codes.toml`, which goes before the one that ships.
        masks: folder to write masks to, `NAME.things.png` each.
        field: see `segmentation.model.Segmenter.nuclei_of`.
        quarantine: gets the files that can't be used.
        remarks: gets what was changed in reading, by file.

    Raises:
        DataError: the codes lack the model's label; `masks` is a file, or is among the folders to
            read; `field` is under 16.
    """
    if field is not None and field < 16:
        raise DataError(f"--field is 16 pixels or more, not {field}")
    folder = None if masks is None else Path(masks)
    if folder is not None:
        check_out(folder, paths)
    detector = Detector.open(model)
    table = read_codes(CODES, codes)
    check_codes(("", detector.config["label"]), table)
    written: set[Path] = set()

    def read_one(path: Path) -> tuple[list[Finding], Sequence[str]]:
        picture, colours = read_coloured(path)
        seen = detector.things_of(colours, field)
        if folder is not None:
            sure = np.concatenate([[0], seen.scores >= THRESHOLD]).astype(np.int32)
            write_mask(
                folder / f"{path.name}{MASK_SUFFIX}", seen.labels * sure[seen.labels], written
            )
        return [finding_of(picture, seen, detector, table[detector.config["label"]])], (
            picture.remarks
        )

    return read_files(paths, SUFFIXES, "Pictures", read_one, quarantine=quarantine, remarks=remarks)


def finding_of(picture: Picture, seen: Seen, detector: Detector, code: Code) -> Finding:
    """That a picture shows a thing, with the probability of the surest, and its boxes in words."""
    probability = detector.probability(seen)
    return Finding(
        code=code.code,
        name=code.name,
        probability=probability,
        present=probability >= detector.config["threshold"],
        procedure=str(detector.config["procedure"]),
        source=f"medkg detection {detector.config['version']}",
        region=region_of(seen),
        file=picture.file,
        checksum=picture.checksum,
        device=picture.modality,
        date=picture.date,
        remarks=picture.remarks,
    )


def region_of(seen: Seen) -> str:
    """The boxes of the surest things in words, the share that they all cover, and their number.

    Things are those with a score of a half, or the surest alone.
    """
    n = int((seen.scores >= THRESHOLD).sum())
    if not len(seen.scores):
        return "no place of the picture"
    height, width = seen.labels.shape
    places = [
        box_in_words((left / width, right / width), (top / height, bottom / height))
        for left, top, right, bottom in seen.boxes[: max(1, min(n, _NAMED))].tolist()
    ]
    covered = ((seen.labels > 0) & (seen.labels <= max(1, n))).mean()
    among = f"; {n} such places" if n > 1 else ""
    return f"{'; '.join(places)}{among}; {100 * covered:.1f} % of the picture"
