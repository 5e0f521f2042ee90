"""Pictures that tests make: a bright chest with or without a spot, as files of every format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def film(
    rng: np.random.Generator, side: int = 28, spot: tuple[float, float] | None = None
) -> NDArray[np.uint8]:
    """(side, side): two dark fields side by side, and a bright spot at (x, y) of 0–1."""
    y, x = np.mgrid[0:side, 0:side] / side
    lungs = sum(np.exp(-(((x - c) / 0.15) ** 2) - ((y - 0.5) / 0.3) ** 2) for c in (0.3, 0.7))
    grey = 0.75 - 0.5 * lungs + 0.03 * rng.standard_normal((side, side))
    if spot is not None:
        grey += 0.45 * np.exp(-(((x - spot[0]) / 0.09) ** 2) - ((y - spot[1]) / 0.09) ** 2)
    return np.asarray(np.clip(255 * grey, 0, 255), np.uint8)


def write_png(path: Path, pixels: NDArray[Any]) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def write_dicom(path: Path, pixels: NDArray[Any], **tags: Any) -> Path:
    """A DICOM file of 12 bits with a patient's name, and the tags that are given; None: without."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.PatientName, data.PatientID = "Doe^Jane", "4711"
    data.Modality, data.StudyDate = "DX", "20240503"
    data.Rows, data.Columns = pixels.shape[:2]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.PixelData = pixels.astype("<u2").tobytes()
    for name, value in tags.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return path
