"""Pictures of files, restored and written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ....core.extras import explained_imports
from ....core.quarantine import Quarantine
from ..picture import Grey, Picture
from ..written import write_made
from .model import Restorer


@explained_imports()
def restore_files(
    paths: Sequence[Path | str],
    *,
    model: Path | str,
    out: Path | str,
    quarantine: Quarantine,
    remarks: list[str] | None = None,
) -> tuple[list[Path], int]:
    """The files that were written, and the number of files that were read.

    A file that can't be read is set aside.

    Args:
        paths, out, quarantine, remarks: see `written.write_made`; the label is "restored".
        model: a folder of `medkg train restoration`.

    Raises:
        DataError: `out` is a file, or is among the folders to read.
    """
    restorer = Restorer.open(model)

    def make(pictures: Sequence[Picture]) -> Iterator[Grey]:
        return (restorer.restore(picture.grey[None])[0] for picture in pictures)

    return write_made(paths, Path(out), "restored", make, quarantine=quarantine, remarks=remarks)
