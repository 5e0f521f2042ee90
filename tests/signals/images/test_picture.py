"""Reading pictures: three formats, and what can't be read."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medkg.core.errors import DataError
from medkg.signals.images.picture import middle_square, read_picture

from .made import film, write_dicom, write_png

FILM = film(np.random.default_rng(0), 64, (0.3, 0.6))
COLOURS = np.random.default_rng(1).integers(0, 255, (32, 40, 3)).astype(np.uint8)


def test_a_grey_png_is_read_as_it_is(tmp_path: Path) -> None:
    picture = read_picture(write_png(tmp_path / "a.png", FILM))
    assert picture.grey == pytest.approx(FILM / 255, abs=1e-6)
    assert (picture.colourfulness, picture.remarks) == (0, ())
    assert len(picture.checksum) == 64


def test_sixteen_bits_palettes_and_jpeg_give_the_same_picture(tmp_path: Path) -> None:
    write_png(tmp_path / "deep.png", FILM.astype(np.uint16) * 257)
    Image.fromarray(FILM).save(tmp_path / "a.jpg", quality=98)
    Image.fromarray(FILM).convert("RGB").save(tmp_path / "rgb.png")
    for name, error in (("deep.png", 1e-6), ("a.jpg", 0.05), ("rgb.png", 1e-6)):
        picture = read_picture(tmp_path / name)
        assert picture.grey == pytest.approx(FILM / 255, abs=error)
        assert picture.remarks == ()


def test_bmp_and_tiff_of_one_page_give_the_same_picture(tmp_path: Path) -> None:
    Image.fromarray(FILM).save(tmp_path / "a.bmp")
    Image.fromarray(FILM).save(tmp_path / "a.tif", compression="tiff_lzw")
    Image.fromarray(FILM.astype(np.uint16) * 257).save(tmp_path / "deep.tiff")
    for name in ("a.bmp", "a.tif", "deep.tiff"):
        assert read_picture(tmp_path / name).grey == pytest.approx(FILM / 255, abs=1e-6)
    pages = [Image.fromarray(FILM)] * 2
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(DataError, match="has 2 pages; save the one"):
        read_picture(tmp_path / "pages.tif")
    for kind in (np.int32, np.float32):
        Image.fromarray(FILM.astype(kind)).save(tmp_path / "long.tif")
        with pytest.raises(DataError, match="signed or 32-bit values"):
            read_picture(tmp_path / "long.tif")


def test_colours_are_read_as_brightness_and_said(tmp_path: Path) -> None:
    picture = read_picture(write_png(tmp_path / "a.png", COLOURS))
    assert picture.grey == pytest.approx(COLOURS @ np.array([0.299, 0.587, 0.114]) / 255, abs=1e-5)
    assert picture.colourfulness > 0.3
    assert "colours" in picture.remarks[0]


def test_fewer_bits_than_16_are_scaled_to_what_they_hold(tmp_path: Path) -> None:
    for bits, top in ((12, 4095), (10, 1023)):
        values = (FILM.astype(float) / FILM.max() * top).round().astype(np.uint16)
        write_png(tmp_path / "scan.png", values)
        picture = read_picture(tmp_path / "scan.png")
        assert picture.grey == pytest.approx(values / top, abs=1e-6)
        assert picture.remarks == (f"uses {bits} of 16 bits; white is {top:,}",)


@pytest.mark.parametrize("pixels", [FILM, FILM.astype(np.uint16) * 257], ids=["8", "16"])
def test_white_is_zero_of_a_tiff_file_is_turned_round(pixels: np.ndarray, tmp_path: Path) -> None:
    file = tmp_path / "a.tiff"
    Image.fromarray(pixels).save(file)
    zero_is_black, zero_is_white = (struct.pack("<HHIHH", 262, 3, 1, k, 0) for k in (1, 0))
    written = file.read_bytes()
    assert written.count(zero_is_black) == 1
    file.write_bytes(written.replace(zero_is_black, zero_is_white))
    assert read_picture(file).grey == pytest.approx(1 - FILM / 255, abs=1e-3)


def test_previews_and_animations_are_no_pages(tmp_path: Path) -> None:
    first, second = Image.fromarray(FILM), Image.fromarray(FILM[::-1])
    first.save(tmp_path / "a.png", save_all=True, append_images=[second])
    assert read_picture(tmp_path / "a.png").grey == pytest.approx(FILM / 255, abs=1e-3)
    first.save(tmp_path / "a.tiff", save_all=True, append_images=[second])
    with pytest.raises(DataError, match="has 2 pages"):
        read_picture(tmp_path / "a.tiff")


def test_what_is_transparent_is_black_and_the_camera_upright(tmp_path: Path) -> None:
    layers = np.stack([FILM, np.where(np.arange(64) < 32, 255, 0) * np.ones_like(FILM)], -1)
    Image.fromarray(layers.astype(np.uint8), "LA").save(tmp_path / "a.png")
    grey = read_picture(tmp_path / "a.png").grey
    assert grey[:, :32] == pytest.approx(FILM[:, :32] / 255, abs=1e-6)
    assert not grey[:, 32:].any()
    turned = Image.fromarray(FILM[:48]).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # it has to be turned by 90° clockwise
    turned.save(tmp_path / "b.png", exif=exif)
    assert read_picture(tmp_path / "b.png").grey == pytest.approx(FILM[:48] / 255, abs=1e-6)


def test_dicom_gives_the_picture_and_nothing_of_the_patient(tmp_path: Path) -> None:
    deep = FILM.astype(np.uint16) * 16
    picture = read_picture(write_dicom(tmp_path / "a.dcm", deep))
    spread = (deep - deep.min()) / np.ptp(deep)
    assert picture.grey == pytest.approx(spread, abs=1e-3)
    assert (picture.modality, picture.date) == ("DX", "2024-05-03")
    assert "Doe" not in repr(picture)
    assert "4711" not in repr(picture)
    inverted = write_dicom(tmp_path / "b.dcm", deep, PhotometricInterpretation="MONOCHROME1")
    assert read_picture(inverted).grey == pytest.approx(1 - spread, abs=1e-3)


def test_the_window_of_dicom_is_applied(tmp_path: Path) -> None:
    deep = FILM.astype(np.uint16) * 16
    file = write_dicom(tmp_path / "a.dcm", deep, WindowCenter=1000, WindowWidth=400)
    grey = read_picture(file).grey
    assert not grey[deep < 780].any()
    assert (grey[deep > 1220] == 1).all()


def test_text_burnt_into_a_dicom_is_said(tmp_path: Path) -> None:
    file = write_dicom(tmp_path / "a.dcm", FILM, BurnedInAnnotation="YES")
    assert any("burnt" in remark for remark in read_picture(file).remarks)
    plain = write_dicom(tmp_path / "b.dcm", FILM, BurnedInAnnotation="NO")
    assert read_picture(plain).remarks == ("DICOM of modality DX",)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"PixelData": None}, "without pixels"),
        ({"NumberOfFrames": 7}, "7 frames"),
        ({"PixelData": bytes(100)}, "can't be read as DICOM"),
        ({"Rows": 60_000, "Columns": 60_000}, "90,000,000 pixels"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "palette"),
        ({"PixelData": bytes(2 * FILM.size)}, "constant"),
        ({"Rows": None}, "0 pixels"),
    ],
)
def test_a_dicom_without_a_picture_is_refused(
    tags: dict[str, object], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=reason) as error:
        read_picture(write_dicom(tmp_path / "a.dcm", FILM, **tags))
    assert "Doe" not in str(error.value)


def test_a_deflated_dicom_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    from pydicom import dcmread
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    data = dcmread(write_dicom(tmp_path / "a.dcm", FILM))
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data.save_as(tmp_path / "b.dcm")
    with pytest.raises(DataError, match="deflated"):
        read_picture(tmp_path / "b.dcm")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.dcm", "a.bmp", "a.nii"])
@pytest.mark.parametrize("content", [b"", b"no such thing"])
def test_a_damaged_file_is_refused_with_its_name(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=name):
        read_picture(tmp_path / name)
    with pytest.raises(DataError, match=r"other\.png"):
        read_picture(tmp_path / "other.png")


def test_a_picture_that_is_cut_off_too_small_or_constant_is_refused(tmp_path: Path) -> None:
    whole = write_png(tmp_path / "a.png", COLOURS).read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    for pixels, name, reason in (
        (None, "a.png", "cut off"),
        (FILM[:10], "small.png", "64 × 10 pixels"),
        (FILM * 0 + 9, "flat.png", "constant"),
    ):
        if pixels is not None:
            write_png(tmp_path / name, pixels)
        with pytest.raises(DataError, match=reason):
            read_picture(tmp_path / name)


@pytest.mark.parametrize("side", [9_600, 60_000])
def test_a_bomb_is_refused_before_it_is_unpacked(side: int, tmp_path: Path) -> None:
    def chunk(name: bytes, content: bytes) -> bytes:
        whole = name + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(bytes(1000)))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + rows + chunk(b"IEND", b""))
    with pytest.raises(DataError, match="90,000,000 pixels"):
        read_picture(tmp_path / "a.png")


def test_a_pipe_is_no_picture(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(DataError, match="pipe"):
        read_picture(tmp_path / "a.png")


def test_the_middle_square_is_resampled(tmp_path: Path) -> None:
    wide = np.concatenate([np.zeros((64, 30)), FILM / 255, np.ones((64, 30))], 1)
    square = middle_square(wide.astype(np.float32), 28)
    assert square.shape == (28, 28)
    assert square == pytest.approx(middle_square((FILM / 255).astype(np.float32), 28), abs=1e-6)
    assert square.mean() == pytest.approx((FILM / 255).mean(), abs=0.01)
