"""Pictures read from files, PNG, JPEG, BMP, TIFF and DICOM, as one grey array."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...core.atomic import sha256
from ...core.errors import DataError
from ...core.extras import explained_imports
from ...core.input_files import opened, require_regular

if TYPE_CHECKING:
    from pydicom import Dataset

DICOM = ".dcm", ".dicom"
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", *DICOM)
MOST_PIXELS = 90_000_000  # about pillow's own limit, from which a file is taken for a bomb
_PHOTOMETRIC = 262  # TIFF's tag: 0 where 0 is white
_FEWER_BITS = 8, 10, 12, 14  # that are used of 16
_FORMATS = "PNG", "JPEG", "BMP", "TIFF"
_AS_BRIGHTNESS = "has colours, which are read as brightness"
FEWEST = 16  # pixels of the shorter side
LEAST_SPREAD = 0.01  # of 0–1: a picture that spreads by less is constant
_BT601 = np.array([0.299, 0.587, 0.114])  # of red, green and blue in the brightness of a grey pixel
# All that is read of a DICOM file: nothing of it says who the patient is.
_TAGS = (
    *("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "NumberOfFrames"),
    *("PixelData", "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "VOILUTSequence"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "Modality", "StudyDate"),
    "BurnedInAnnotation",
)
Grey = NDArray[np.float32]
Colours = NDArray[np.float32]


@dataclass(frozen=True)
class Picture:
    """A picture of an examination.

    Attributes:
        grey: (height, width) brightness, 0 black and 1 white.
        colourfulness: mean distance of the largest from the smallest of a pixel's red, green and
            blue, 0–1; 0 of a grey picture.
        file: as it was named to the reader; `checksum`: its SHA-256.
        modality: of DICOM, such as "DX".
        date: of the examination, ISO 8601, where DICOM has it.
        remarks: what was changed in reading, for the user.
        place: of a slice in its volume, in words.
    """

    grey: Grey
    colourfulness: float
    file: str
    checksum: str
    modality: str = ""
    date: str = ""
    remarks: tuple[str, ...] = ()
    place: str = ""


@dataclass(frozen=True)
class _Raw:
    """What a file holds: (height, width) or (height, width, 3), 0–1."""

    pixels: NDArray[np.float64]
    modality: str = ""
    date: str = ""
    remarks: tuple[str, ...] = ()


@explained_imports()
def read_picture(path: Path | str) -> Picture:
    """Read a picture as one grey array.

    The orientation that a camera noted is applied, and what is transparent lies over black. Of a
    DICOM file the manufacturer's values and window are applied; MONOCHROME1, where white is the
    least, is inverted; nothing but pixels, modality and date is read of it. Colour becomes
    brightness by ITU-R BT.601.

    Raises:
        DataError: the file can't be read, has no pixels or too few or too many, or is constant.
        MissingExtraError: the library for its format is not installed.
    """
    path = Path(path)
    return _checked(_read(path), path)


@explained_imports()
def read_coloured(path: Path | str) -> tuple[Picture, Colours]:
    """Read a picture as `read_picture` does, and its red, green and blue: (height, width, 3), 0–1.

    Of a grey picture the three are the same.
    """
    path = Path(path)
    raw = _read(path)
    pixels = raw.pixels.astype(np.float32)
    colours = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)
    picture = _checked(raw, path)
    kept = tuple(remark for remark in picture.remarks if remark != _AS_BRIGHTNESS)
    return replace(picture, remarks=kept), colours


def _read(path: Path) -> _Raw:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(
            f"is no picture that can be read here: {', '.join(SUFFIXES)}; save it as PNG",
            path=path,
        )
    require_regular(path)
    return (_read_dicom if suffix in DICOM else _read_plain)(path)


def _read_plain(path: Path) -> _Raw:
    from PIL import Image, ImageOps

    try:
        with opened(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # see _check_size
            image: Image.Image = Image.open(file, formats=_FORMATS)
            _check_size(image.height, image.width, path)
            # JPEG's and PNG's further frames are previews and animations.
            if image.format == "TIFF" and (pages := getattr(image, "n_frames", 1)) > 1:
                raise DataError(f"has {pages} pages; save the one that counts alone", path=path)
            # Pillow turns white-is-zero of 8 bits round, but not of 16.
            is_negative = image.format == "TIFF" and image.tag_v2.get(_PHOTOMETRIC) == 0  # type: ignore[attr-defined]
            image = ImageOps.exif_transpose(image)
            if image.mode in ("I", "F"):  # what is white of them isn't said
                raise DataError("has signed or 32-bit values; save it with 8 or 16 bits", path=path)
            if image.mode.startswith("I;16"):
                raw = _of_16_bits(np.asarray(image, float))
                return replace(raw, pixels=1 - raw.pixels) if is_negative else raw
            if image.has_transparency_data:
                layer = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", layer.size, "black"), layer)
            image = image.convert("L" if image.mode in ("1", "L") else "RGB")
            return _Raw(np.asarray(image, float) / 255)
    except Image.DecompressionBombError as error:
        raise _too_many(path) from error
    except (OSError, ValueError, SyntaxError, EOFError, TypeError) as error:
        raise DataError(
            f"can't be read as {', '.join(_FORMATS)}; it may be cut off", path=path
        ) from error


def _of_16_bits(values: NDArray[np.float64]) -> _Raw:
    """Values of 16 bits; where scanners use fewer of them, the most that these hold is white."""
    bits = next(bits for bits in (*_FEWER_BITS, 16) if values.max() < 2**bits)
    remarks = () if bits == 16 else (f"uses {bits} of 16 bits; white is {2**bits - 1:,}",)
    return _Raw(values / (2**bits - 1), remarks=remarks)


def _read_dicom(path: Path) -> _Raw:
    import pydicom
    from pydicom.filereader import read_file_meta_info
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    try:
        syntax = read_file_meta_info(path).get("TransferSyntaxUID")
        if syntax == DeflatedExplicitVRLittleEndian:  # a small file may unpack beyond all memory
            raise DataError("is a deflated DICOM file; save it without compression", path=path)
        data = pydicom.dcmread(path, specific_tags=list(_TAGS))
        if "PixelData" not in data:
            raise DataError("is a DICOM file without pixels", path=path)
        _check_size(int(data.get("Rows") or 0), int(data.get("Columns") or 0), path)
        if (frames := int(data.get("NumberOfFrames") or 1)) > 1:
            raise DataError(f"has {frames} frames; save the one that counts alone", path=path)
        pixels = _dicom_pixels(data, path)
    except DataError:
        raise
    except Exception as error:  # pydicom raises whatever its parser and decoders stumble on
        reason = type(error).__name__
        raise DataError(f"can't be read as DICOM ({reason}); it may be cut off", path=path) from (
            error
        )
    modality, day = str(data.get("Modality") or ""), str(data.get("StudyDate") or "")
    remarks = [f"DICOM of modality {modality}"] if modality else []
    if str(data.get("BurnedInAnnotation") or "").upper() == "YES":
        remarks.append("says that text is burnt into its pixels, which is not taken out")
    date = f"{day[:4]}-{day[4:6]}-{day[6:]}" if len(day) == 8 and day.isdigit() else ""
    return _Raw(pixels, modality, date, tuple(remarks))


def _dicom_pixels(data: Dataset, path: Path) -> NDArray[np.float64]:
    """(height, width) or (height, width, 3), 0–1."""
    from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
    from pydicom.pixels.utils import pixel_array

    kind = str(data.get("PhotometricInterpretation") or "")
    if kind == "PALETTE COLOR":
        raise DataError("has a palette of colours; save it as PNG", path=path)
    pixels = pixel_array(data)  # of YBR it gives RGB
    if pixels.ndim == 3:
        return np.asarray(pixels / (2.0 ** int(data.BitsStored) - 1))
    values = np.asarray(apply_voi_lut(apply_modality_lut(pixels, data), data), float)
    scaled = (values - values.min()) / max(float(np.ptp(values)), 1e-9)
    return np.asarray(1 - scaled if kind == "MONOCHROME1" else scaled)


def _check_size(height: int, width: int, path: Path) -> None:
    if height * width > MOST_PIXELS:
        raise _too_many(path)
    if min(height, width) < FEWEST:
        raise DataError(
            f"is {width} × {height} pixels; the shorter side has at least {FEWEST}", path=path
        )


def _too_many(path: Path) -> DataError:
    return DataError(f"has over {MOST_PIXELS:,} pixels; save it smaller", path=path)


def _checked(raw: _Raw, path: Path) -> Picture:
    """The picture in grey, unless nothing can be seen on it."""
    remarks, colourfulness = list(raw.remarks), 0.0
    grey = raw.pixels
    if grey.ndim == 3:
        colourfulness = float(np.ptp(grey, axis=-1).mean())
        grey = brightness(grey)
        if colourfulness:
            remarks.append(_AS_BRIGHTNESS)
    if not np.isfinite(grey).all() or grey.std() < LEAST_SPREAD:
        raise DataError("is constant: nothing can be seen on it", path=path)
    return Picture(
        grey.astype(np.float32),
        colourfulness,
        str(path),
        sha256(path),
        raw.modality,
        raw.date,
        tuple(remarks),
    )


def middle_square(grey: Grey, side: int) -> Grey:
    """(side, side): the square in the middle, of the shorter side's length, resampled.

    As MedMNIST's pictures were made: bicubic, each new pixel of all old ones that it covers.
    """
    from PIL import Image

    square = Image.fromarray(grey).crop(square_of(*grey.shape))
    return resampled(np.asarray(square), side, side)


def resampled(grey: Grey, height: int, width: int) -> Grey:
    """(height, width): the picture at another size, bicubic, each new pixel of all it covers."""
    from PIL import Image

    image = Image.fromarray(grey).resize((width, height), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(image, np.float32), 0, 1)


def square_of(height: int, width: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the square in the middle, in pixels."""
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def brightness(colours: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """(…, 3) red, green and blue → (…), by ITU-R BT.601."""
    return np.asarray(colours @ _BT601.astype(colours.dtype))
