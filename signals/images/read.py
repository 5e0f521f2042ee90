"""Pictures of examinations to findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ...core.errors import DataError
from ...core.extras import explained_imports
from ...core.quarantine import Quarantine
from ..codes import Code, check_codes, read_codes
from ..files import read_files
from ..finding import Finding
from .model import ImageClassifier
from .network import activation_map
from .picture import SUFFIXES, Picture, read_picture
from .region import region_of
from .volume import SUFFIXES as VOLUMES
from .volume import read_slices

# DICOM's modalities of what is no radiograph.
_NO_RADIOGRAPHS = (
    "CT",
    "MR",
    "US",
    "IVUS",
    "NM",
    "PT",
    "OP",
    "OPT",
    "ES",
    "SM",
    "GM",
    "ECG",
    "EEG",
)
CODES = Path(__file__).parent / "codes.toml"


@explained_imports()
def read_pictures(
    paths: Sequence[Path | str],
    *,
    model: Path | str | None = None,
    codes: Path | str | None = None,
    quarantine: Quarantine,
    remarks: list[str] | None = None,
) -> tuple[list[Finding], int]:
    """The findings of pictures, and the number of files that were read.

    A file that can't be read, or that is unlike what the model learnt from, is set aside.

    Args:
        paths: PNG, JPEG, BMP, TIFF, DICOM or NIfTI files, or folders of them. A NIfTI volume is
            read as slices (see `volume.read_slices`); each of its findings is that of the slice in
            which it is most probable.
        model: a folder of `medkg train images`; by default the model that ships.
        codes: a user's own `codes.toml`, which goes before the one that ships.
        quarantine: gets the files that can't be used.
        remarks: gets what was changed in reading, by file.

    Raises:
        DataError: the codes lack a class of the model's.
    """
    classifier = ImageClassifier.open(model)
    table = read_codes(CODES, codes)
    check_codes(classifier.classes, table)

    def read_one(path: Path) -> tuple[list[Finding], Sequence[str]]:
        if path.name.lower().endswith(VOLUMES):
            slices = list(read_slices(path))
            return _of_volume(slices, classifier, table), slices[0].remarks
        picture = read_picture(path)
        return findings_of(picture, classifier, table), picture.remarks

    suffixes = (*SUFFIXES, *VOLUMES)
    return read_files(paths, suffixes, "Pictures", read_one, quarantine=quarantine, remarks=remarks)


def _of_volume(
    slices: Sequence[Picture], classifier: ImageClassifier, codes: Mapping[str, Code]
) -> list[Finding]:
    """Of each class, the finding of the slice in which it is most probable.

    Raises:
        DataError: every slice is unlike those that the model learnt from.
    """
    strongest: dict[str, Finding] = {}
    unlike = DataError("has no slices")
    for picture in slices:
        try:
            findings = findings_of(picture, classifier, codes)
        except DataError as error:
            unlike = error
            continue
        for finding in findings:
            known = strongest.get(finding.code)
            if known is None or finding.probability > known.probability:
                strongest[finding.code] = finding
    if not strongest:
        raise unlike
    return list(strongest.values())


def findings_of(
    picture: Picture, classifier: ImageClassifier, codes: Mapping[str, Code]
) -> list[Finding]:
    """A finding for each class but the first, with its probability and its place.

    Raises:
        DataError: the picture is unlike those that the model learnt from.
    """
    procedure = str(classifier.config["procedure"])
    if "radiograph" in procedure.lower() and picture.modality in _NO_RADIOGRAPHS:
        raise DataError(
            f"is of DICOM's modality {picture.modality}, and the model is of a {procedure}"
        )
    pixels = classifier.pixels_of(picture)
    version = classifier.config["version"]
    findings = []
    for name, probabilities in classifier.probabilities(pixels[None]).items():
        probability = float(probabilities[0])
        heat = activation_map(classifier.network, pixels, classifier.classes.index(name))
        region = region_of(heat, *picture.grey.shape)
        findings.append(
            Finding(
                code=codes[name].code,
                name=codes[name].name,
                probability=probability,
                present=probability >= classifier.thresholds[name],
                procedure=procedure,
                source=f"medkg images {version}",
                region=f"{picture.place}, {region}" if picture.place else region,
                file=picture.file,
                checksum=picture.checksum,
                device=picture.modality,
                date=picture.date,
                remarks=picture.remarks,
            )
        )
    return findings
