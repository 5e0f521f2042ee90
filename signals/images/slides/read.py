"""Slides of tissue to findings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ....core.extras import explained_imports
from ....core.quarantine import Quarantine
from ...codes import check_codes, read_codes
from ...files import read_files
from ...finding import Finding
from ..read import CODES
from .model import SlideClassifier
from .tiles import SUFFIXES, read_slide


@explained_imports()
def read_slides(
    paths: Sequence[Path | str],
    *,
    model: Path | str,
    codes: Path | str | None = None,
    quarantine: Quarantine,
    remarks: list[str] | None = None,
) -> tuple[list[Finding], int]:
    """The findings of slides, and the number of files that were read.

    Args:
        paths: TIFF, PNG or JPEG files, or folders of them.
        model: a folder of `medkg train slides`.
        codes: a user's own `codes.toml`, which goes before the one that ships.
        quarantine: gets the files that can't be read.
        remarks: gets which level was read, by file.

    Raises:
        DataError: the codes lack a class of the model's.
    """
    classifier = SlideClassifier.open(model)
    table = read_codes(CODES, codes)
    check_codes(classifier.classes, table)

    def read_one(path: Path) -> tuple[list[Finding], list[str]]:
        slide = read_slide(path, int(classifier.config["tile"]))
        return classifier.findings_of(slide, table), [slide.remark] if slide.remark else []

    return read_files(paths, SUFFIXES, "Slides", read_one, quarantine=quarantine, remarks=remarks)
