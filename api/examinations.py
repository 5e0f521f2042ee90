"""Examinations of a patient: read into findings, and these into a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from medkg.core.errors import DataError, NothingReadError
from medkg.core.extras import explained_imports
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.signals.to_graph import added_to, findings_graph

if TYPE_CHECKING:
    import polars as pl

    from medkg.signals.finding import Finding
    from medkg.signals.images.segmentation.read import MeasuredPicture

__all__ = [
    "added_to",
    "band_powers",
    "detection_findings",
    "ecg_findings",
    "eeg_findings",
    "findings_graph",
    "image_findings",
    "measure_nuclei",
    "read_detections",
    "read_ecg",
    "read_eeg",
    "read_images",
    "read_slides",
    "slide_findings",
]

Paths = Sequence[Path | str] | Path | str
Result = TypeVar("Result")
_NO_EEG = "no file of an electroencephalogram (.edf, .bdf, .hea, .csv)"


def result_of(
    read: Callable[..., tuple[Result, int]],
    paths: Paths,
    nothing: str,
    quarantine: Quarantine | None,
    **options: object,
) -> Result:
    """What a reader gives of files; the first reason where nothing could be read, or all had to be.

    Args:
        read: gives its result and the number of files that it read.
        nothing: what there is none of, where no file is there.
        quarantine: None: every file has to be read.
    """
    set_aside = Quarantine()  # of these files alone
    files = [paths] if isinstance(paths, str | Path) else paths
    result, n_read = read(files, quarantine=set_aside, **options)
    if quarantine is not None:
        quarantine.extend(set_aside)
    if not n_read and not len(set_aside):
        raise DataError(f"{nothing} is there")
    if len(set_aside) and (quarantine is None or not n_read):
        first = set_aside.rows[0]
        kind = DataError if quarantine is None else NothingReadError
        raise kind(first.reason, path=first.path)
    return result


@explained_imports()
def ecg_findings(
    paths: Paths,
    *,
    model: Path | str | None = None,
    codes: Path | str | None = None,
    rate: float | None = None,
    age: float | None = None,
    quarantine: Quarantine | None = None,
    remarks: list[str] | None = None,
) -> list[Finding]:
    """What electrocardiograms show: ectopic beats by a model, rate and rhythm by rule.

    Args:
        paths, model, codes, rate, age, quarantine: see `read_ecg`.
        remarks: gets what was changed in reading, such as another sampling rate.

    Raises:
        DataError: without a quarantine, a file can't be read; nothing could be read.
    """
    from medkg.signals.ecg.read import read_electrocardiograms

    return result_of(
        read_electrocardiograms,
        paths,
        "no file of an electrocardiogram (.hea, .edf, .bdf, .csv)",
        quarantine,
        model=model,
        codes=codes,
        rate=rate,
        age=age,
        remarks=remarks,
    )


@explained_imports()
def eeg_findings(
    paths: Paths,
    *,
    model: Path | str,
    codes: Path | str | None = None,
    rate: float | None = None,
    quarantine: Quarantine | None = None,
    remarks: list[str] | None = None,
) -> list[Finding]:
    """What electroencephalograms show, by a model.

    Args:
        paths, model, codes, rate, quarantine: see `read_eeg`.
        remarks: gets what was changed in reading, such as another sampling rate.

    Raises:
        DataError: without a quarantine, a file can't be read; nothing could be read.
    """
    from medkg.signals.eeg.read import read_electroencephalograms

    return result_of(
        read_electroencephalograms,
        paths,
        _NO_EEG,
        quarantine,
        model=model,
        codes=codes,
        rate=rate,
        remarks=remarks,
    )


@explained_imports()
def band_powers(
    paths: Paths,
    *,
    rate: float | None = None,
    quarantine: Quarantine | None = None,
    remarks: list[str] | None = None,
) -> pl.DataFrame:
    """The power of each band of electroencephalograms, by Welch's method.

    Args:
        paths, rate, quarantine: see `read_eeg`.
        remarks: gets what was changed in reading, such as another sampling rate.

    Returns:
        `file` (as it was named), `start` (seconds), `channel`, and µV² of `delta` (0.5 to 4 Hz),
        `theta` (4 to 8), `alpha` (8 to 13), `beta` (13 to 30) and `gamma` (30 to 45); a row for
        each channel of each epoch of 4 s, which begin every 2 s.

    Raises:
        DataError: see `eeg_findings`.

    Example:
        >>> import math
        >>> from pathlib import Path
        >>> import polars as pl
        >>> lines = ["time,O1", *(f"{i / 128},{20 * math.sin(i / 2)}" for i in range(2700))]
        >>> _ = Path("rest.csv").write_text("\\n".join(lines))
        >>> medkg.band_powers("rest.csv")["channel", "alpha"].head(1).with_columns(
        ...     alpha=pl.col("alpha").round(0)
        ... ).rows()
        [('O1', 200.0)]
    """
    from medkg.signals.eeg.read import read_band_powers

    return result_of(read_band_powers, paths, _NO_EEG, quarantine, rate=rate, remarks=remarks)


@explained_imports()
def image_findings(
    paths: Paths,
    *,
    model: Path | str | None = None,
    codes: Path | str | None = None,
    quarantine: Quarantine | None = None,
    remarks: list[str] | None = None,
) -> list[Finding]:
    """What pictures of an examination show, by a model.

    Args:
        paths, model, codes, quarantine: see `read_images`.
        remarks: gets what was changed in reading, such as colour that was read as brightness.

    Raises:
        DataError: without a quarantine, a file can't be read; nothing could be read.
    """
    from medkg.signals.images.read import read_pictures

    nothing = "no picture (.png, .jpg, .dcm, .nii)"
    return result_of(
        read_pictures, paths, nothing, quarantine, model=model, codes=codes, remarks=remarks
    )


def read_images(
    paths: Paths,
    patient: str,
    *,
    model: Path | str | None = None,
    codes: Path | str | None = None,
    quarantine: Quarantine | None = None,
) -> KnowledgeGraph:
    """Read pictures of a patient's examinations into a graph of findings.

    Args:
        paths: one or several PNG, JPEG, BMP, TIFF, DICOM or NIfTI files, or folders of them.
        patient: whose they are.
        model: a folder of `medkg train images`; by default the one that ships, which reads chest
            radiographs of children.
        codes: a TOML file of codes for the model's classes, beside and before those that ship.
        quarantine: gets files that can't be read or are unlike what the model learnt from. Without
            one, the first such is an error.

    Raises:
        DataError: see `image_findings`.

    Example:
        >>> from PIL import Image
        >>> Image.new("L", (200, 200)).save("black.png")
        >>> medkg.read_images("black.png", "ann")
        Traceback (most recent call last):
        medkg.core.errors.DataError: black.png: is constant: nothing can be seen on it
    """
    findings = image_findings(paths, model=model, codes=codes, quarantine=quarantine)
    return findings_graph(findings, patient)


@explained_imports()
def slide_findings(
    paths: Paths,
    *,
    model: Path | str,
    codes: Path | str | None = None,
    quarantine: Quarantine | None = None,
    remarks: list[str] | None = None,
) -> list[Finding]:
    """What slides of tissue show, by a model.

    Args:
        paths, model, codes, quarantine: see `read_slides`.
        remarks: gets which level of a slide was read.

    Raises:
        DataError: without a quarantine, a file can't be read; nothing could be read.
    """
    from medkg.signals.images.slides.read import read_slides as read

    nothing = "no slide (.tif, .svs, .png, .jpg)"
    return result_of(read, paths, nothing, quarantine, model=model, codes=codes, remarks=remarks)


def read_slides(
    paths: Paths,
    patient: str,
    *,
    model: Path | str,
    codes: Path | str | None = None,
    quarantine: Quarantine | None = None,
) -> KnowledgeGraph:
    """Read slides of a patient's tissue into a graph of findings.

    Args:
        paths: one or several TIFF (also of several levels), PNG or JPEG files, or folders of them.
        patient: whose they are.
        model: a folder of `medkg train slides`; none ships.
        codes: a TOML file of codes for the model's classes, beside and before those that ship.
        quarantine: gets files that can't be read. Without one, the first such is an error.

    Raises:
        DataError: see `slide_findings`.

    Example:
        >>> medkg.read_slides("biopsy.tif", "ann", model="models/skin")
        Traceback (most recent call last):
        medkg.core.errors.ModelError: models/skin: holds no model (no config.json can be read)
    """
    findings = slide_findings(paths, model=model, codes=codes, quarantine=quarantine)
    return findings_graph(findings, patient)


@explained_imports()
def detection_findings(
    paths: Paths,
    *,
    model: Path | str,
    codes: Path | str | None = None,
    masks: Path | str | None = None,
    field: int | None = None,
    quarantine: Quarantine | None = None,
    remarks: list[str] | None = None,
) -> list[Finding]:
    """Where pictures show things of one kind, by a model.

    Args:
        paths, model, codes, masks, field, quarantine: see `read_detections`.
        remarks: gets what was changed in reading.

    Raises:
        DataError: without a quarantine, a file can't be read; nothing could be read.
    """
    from medkg.signals.images.detection.read import read_things

    return result_of(
        read_things,
        paths,
        "no picture (.png, .jpg, .dcm)",
        quarantine,
        model=model,
        codes=codes,
        masks=masks,
        field=field,
        remarks=remarks,
    )


def read_detections(
    paths: Paths,
    patient: str,
    *,
    model: Path | str,
    codes: Path | str | None = None,
    masks: Path | str | None = None,
    field: int | None = None,
    quarantine: Quarantine | None = None,
) -> KnowledgeGraph:
    """Look for things of one kind in a patient's pictures, into a graph of findings.

    Args:
        paths: one or several PNG, JPEG, BMP, TIFF or DICOM files, or folders of them.
        patient: whose they are.
        model: a folder of `medkg train detection`; none ships.
        codes: a TOML file of codes for labels, beside and before those that ship.
        masks: folder to write masks to, in which each thing has its number.
        field: pixels of a picture that are read as the side that the model learnt from; by default
            its shorter side.
        quarantine: gets files that can't be read. Without one, the first such is an error.

    Raises:
        DataError: see `detection_findings`.

    Example:
        >>> medkg.read_detections("chest.png", "ann", model="models/nodules")
        Traceback (most recent call last):
        medkg.core.errors.ModelError: models/nodules: holds no model (no config.json can be read)
    """
    findings = detection_findings(
        paths, model=model, codes=codes, masks=masks, field=field, quarantine=quarantine
    )
    return findings_graph(findings, patient)


@explained_imports()
def measure_nuclei(
    paths: Paths,
    *,
    out: Path | str | None = None,
    model: Path | str | None = None,
    field: int | None = None,
    quarantine: Quarantine | None = None,
    remarks: list[str] | None = None,
) -> list[MeasuredPicture]:
    """Outline, count and measure the nuclei in pictures of microscopes.

    Args:
        paths: one or several PNG, JPEG, BMP, TIFF or DICOM files, or folders of them.
        out: folder to write masks to, in which each nucleus has its number.
        model: a folder of `medkg train segmentation`; by default the one that ships.
        field: pixels of a picture that are read as the 128 that the model that ships learnt from;
            by default its shorter side. A picture with smaller nuclei than those of a field of view
            of some fifty needs a smaller field.
        quarantine: gets files that can't be read. Without one, the first such is an error.
        remarks: gets what was changed in reading.

    Raises:
        DataError: without a quarantine, a file can't be read; nothing could be read.

    Example:
        >>> import numpy as np
        >>> from PIL import Image
        >>> y, x = np.mgrid[:128, :128]
        >>> cells = sum(np.exp(-((x - a) ** 2 + (y - 64) ** 2) / 30) for a in (30, 64, 98))
        >>> Image.fromarray((200 * cells + 10).astype("uint8")).save("cells.png")
        >>> [measured] = medkg.measure_nuclei("cells.png")
        >>> measured.count
        3
    """
    from medkg.signals.images.segmentation.read import measure_pictures

    def measure(files: Sequence[Path | str], **options: Any) -> tuple[list[MeasuredPicture], int]:
        measured = measure_pictures(files, **options)
        return measured, len(measured)

    nothing = "no picture (.png, .jpg, .dcm)"
    return result_of(
        measure, paths, nothing, quarantine, out=out, model=model, field=field, remarks=remarks
    )


def read_ecg(
    paths: Paths,
    patient: str,
    *,
    model: Path | str | None = None,
    codes: Path | str | None = None,
    rate: float | None = None,
    age: float | None = None,
    quarantine: Quarantine | None = None,
) -> KnowledgeGraph:
    """Read electrocardiograms of a patient into a graph of findings.

    Args:
        paths: one or several: WFDB headers, EDF or CSV files (a line of leads' names, then
            millivolts), or folders of them.
        patient: whose they are.
        model: a folder of `medkg train ecg`; by default the model that ships.
        codes: a TOML file of codes for labels, beside and before those that ship.
        rate: samples a second of CSV files without a column `time`.
        age: of the patient, in years, whose usual rate is a child's; None: an adult.
        quarantine: gets files that can't be read. Without one, the first such is an error.

    Raises:
        DataError: see `ecg_findings`.

    Example:
        >>> import math
        >>> from pathlib import Path
        >>> beat = lambda t: math.exp(-(((t % 0.5) - 0.25) / 0.02) ** 2)
        >>> lines = ["time,II", *(f"{i / 200},{beat(i / 200)}" for i in range(4000))]
        >>> _ = Path("rest.csv").write_text("\\n".join(lines))
        >>> kg = medkg.read_ecg("rest.csv", "ann")
        >>> "Tachycardia" in kg.nodes["name"].to_list()
        True
    """
    findings = ecg_findings(
        paths, model=model, codes=codes, rate=rate, age=age, quarantine=quarantine
    )
    return findings_graph(findings, patient)


def read_eeg(
    paths: Paths,
    patient: str,
    *,
    model: Path | str,
    codes: Path | str | None = None,
    rate: float | None = None,
    quarantine: Quarantine | None = None,
) -> KnowledgeGraph:
    """Read electroencephalograms of a patient into a graph of findings.

    Args:
        paths: one or several: EDF or BDF files, WFDB headers or CSV files (a line of channels'
            names, then microvolts), or folders of them.
        patient: whose they are.
        model: a folder of `medkg train eeg`; none ships.
        codes: a TOML file of codes for labels, beside and before those that ship.
        rate: samples a second of CSV files without a column `time`.
        quarantine: gets files that can't be read. Without one, the first such is an error.

    Raises:
        DataError: see `eeg_findings`.

    Example:
        >>> medkg.read_eeg("night.edf", "ann", model="models/eeg")
        Traceback (most recent call last):
        medkg.core.errors.ModelError: models/eeg: holds no model (no config.json can be read)
    """
    findings = eeg_findings(paths, model=model, codes=codes, rate=rate, quarantine=quarantine)
    return findings_graph(findings, patient)
