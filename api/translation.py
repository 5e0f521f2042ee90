"""Pictures of one kind of examination that are made to look like another."""

from __future__ import annotations

from pathlib import Path

from medkg.core.extras import explained_imports
from medkg.core.quarantine import Quarantine
from medkg.examinations import Paths, result_of


@explained_imports()
def translate_pictures(
    paths: Paths,
    out: Path | str,
    *,
    model: Path | str,
    to: str,
    quarantine: Quarantine | None = None,
    remarks: list[str] | None = None,
) -> list[Path]:
    """Write pictures that look like another kind; they are made up, and nothing is read from them.

    Args:
        paths: one or several PNG, JPEG, BMP, TIFF, DICOM or NIfTI files, or folders of them.
        out: folder to write PNG files to, `NAME.KIND.png` each, of the model's side.
        model: a folder of `medkg train translation`; none ships.
        to: the kind that pictures are to look like: the name of one of the two folders that the
            model learnt from.
        quarantine: gets files that can't be read. Without one, the first such is an error.
        remarks: gets what was changed in reading.

    Returns:
        The files that were written.

    Raises:
        DataError: the model knows no such kind; without a quarantine, a file can't be read; nothing
            could be read.

    Example:
        >>> medkg.translate_pictures("head.png", "made", model="models/ct-mri", to="mri")
        Traceback (most recent call last):
        medkg.core.errors.ModelError: models/ct-mri: holds no model (no config.json can be read)
    """
    from medkg.signals.images.translation.read import translate_files

    nothing = "no picture (.png, .jpg, .bmp, .tif, .dcm, .nii)"
    return result_of(
        translate_files, paths, nothing, quarantine, model=model, to=to, out=out, remarks=remarks
    )
