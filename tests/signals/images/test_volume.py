"""Volumes as slices: which, the way up, and what can't be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from medkg.core.errors import DataError
from medkg.signals.images.volume import read_slices

VOLUME = np.random.default_rng(0).integers(0, 900, (24, 20, 50)).astype(np.int16)


def write_volume(path: Path, voxels: NDArray[Any]) -> Path:
    """A NIfTI file from right to left, back to front and feet to head, that names the patient."""
    import nibabel

    image = nibabel.nifti1.Nifti1Image(voxels, np.eye(4))
    image.header["descrip"] = b"Doe^Jane"
    nibabel.loadsave.save(image, path)
    return path


def test_nine_slices_at_the_tenths(tmp_path: Path) -> None:
    slices = read_slices(write_volume(tmp_path / "head.nii.gz", VOLUME))
    assert [s.place for s in slices] == [f"slice {n} of 50 from the feet" for n in range(6, 51, 5)]
    low, high = np.percentile(VOLUME[:, :, 5:50:5], (1, 99))
    expected = ((VOLUME[::-1, ::-1, 5].T - low) / (high - low)).clip(0, 1)
    assert slices[0].grey == pytest.approx(expected, abs=1e-5)
    assert slices[0].remarks == ("is a volume, of which 9 axial slices of 50 are read",)
    assert "Doe" not in repr(slices)


@pytest.mark.parametrize("axes", ["LPS", "SAR", "PSL"])
def test_slices_are_the_body_s_whatever_the_file_s_axes(axes: str, tmp_path: Path) -> None:
    upright = read_slices(write_volume(tmp_path / "a.nii", VOLUME))
    import nibabel

    to = nibabel.orientations.ornt_transform(
        nibabel.orientations.axcodes2ornt("RAS"), nibabel.orientations.axcodes2ornt(axes)
    )
    turned = nibabel.load(tmp_path / "a.nii").as_reoriented(to)
    nibabel.save(turned, tmp_path / "b.nii")
    for one, other in zip(upright, read_slices(tmp_path / "b.nii"), strict=True):
        assert one.place == other.place
        assert (one.grey == other.grey).all()


def test_thin_volumes_and_empty_slices(tmp_path: Path) -> None:
    assert len(read_slices(write_volume(tmp_path / "a.nii", VOLUME[:, :, :4]))) == 4
    assert len(read_slices(write_volume(tmp_path / "b.nii", VOLUME[..., None]))) == 9
    half = VOLUME.copy()
    half[:, :, :26] = 0
    assert len(read_slices(write_volume(tmp_path / "c.nii", half))) == 4


@pytest.mark.parametrize(
    ("voxels", "reason"),
    [
        (VOLUME * 0, "constant"),
        (VOLUME[:9], "9 × 20 pixels"),
        (np.stack([VOLUME, VOLUME], -1), "no one volume"),
        (VOLUME[:, :, 0], "no one volume"),
        (np.where(VOLUME > 800, np.nan, VOLUME).astype(np.float32), "no number"),
    ],
)
def test_what_is_no_volume_is_refused(voxels: NDArray[Any], reason: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=reason):
        read_slices(write_volume(tmp_path / "a.nii", voxels))


def test_damaged_volumes_are_refused_with_their_names(tmp_path: Path) -> None:
    whole = write_volume(tmp_path / "a.nii", VOLUME).read_bytes()
    for name, content in (("a.nii", whole[:900]), ("b.nii", b""), ("c.nii.gz", b"no such thing")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=name):
            read_slices(tmp_path / name)
    with pytest.raises(DataError, match=r"other\.nii"):
        read_slices(tmp_path / "other.nii")
