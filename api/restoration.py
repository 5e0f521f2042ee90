"""Pictures of examinations with their noise taken out, or at twice their size."""

from __future__ import annotations

from pathlib import Path

from medkg.core.extras import explained_imports
from medkg.core.quarantine import Quarantine
from medkg.examinations import Paths, result_of


@explained_imports()
def restore_pictures(
    paths: Paths,
    out: Path | str,
    *,
    model: Path | str,
    quarantine: Quarantine | None = None,
    remarks: list[str] | None = None,
) -> list[Path]:
    """Write pictures without noise, or twice as high and wide; detail may not be the patient's.

    Args:
        paths: one or several PNG, JPEG, BMP, TIFF, DICOM or NIfTI files, or folders of them.
        out: folder to write PNG files to, in grey of 8 bits, `NAME.restored.png` each.
        model: a folder of `medkg train restoration`; none ships.
        quarantine: gets files that can't be read. Without one, the first such is an error.
        remarks: gets what was changed in reading.

    Returns:
        The files that were written.

    Raises:
        DataError: without a quarantine, a file can't be read; nothing could be read.

    Example:
        >>> medkg.restore_pictures("chest.png", "restored", model="models/noise")
        Traceback (most recent call last):
        medkg.core.errors.ModelError: models/noise: holds no model (no config.json can be read)
    """
    from medkg.signals.images.restoration.read import restore_files

    nothing = "no picture (.png, .jpg, .bmp, .tif, .dcm, .nii)"
    return result_of(
        restore_files, paths, nothing, quarantine, model=model, out=out, remarks=remarks
    )
