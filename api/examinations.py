"""Examinations of a patient: read into findings, and these into a graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medkg.core.errors import DataError
from medkg.core.extras import explained_imports
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.signals.to_graph import findings_graph

if TYPE_CHECKING:
    from medkg.signals.finding import Finding

__all__ = ["ecg_findings", "findings_graph", "read_ecg"]


@explained_imports()
def ecg_findings(
    paths: Sequence[Path | str] | Path | str,
    *,
    model: Path | str | None = None,
    codes: Path | str | None = None,
    rate: float | None = None,
    quarantine: Quarantine | None = None,
    remarks: list[str] | None = None,
) -> list[Finding]:
    """What electrocardiograms show: ectopic beats by a model, rate and rhythm by rule.

    Args:
        paths, model, codes, rate, quarantine: see `read_ecg`.
        remarks: gets what was changed in reading, such as another sampling rate.

    Raises:
        DataError: without a quarantine, a file can't be read; nothing could be read.
    """
    from medkg.signals.ecg.read import read_electrocardiograms

    strict = quarantine is None
    quarantine = Quarantine() if quarantine is None else quarantine
    files = [paths] if isinstance(paths, str | Path) else paths
    findings, n_read = read_electrocardiograms(
        files, model=model, codes=codes, rate=rate, quarantine=quarantine, remarks=remarks
    )
    if not n_read and not len(quarantine):
        raise DataError("no file of an electrocardiogram (.hea, .edf, .bdf, .csv) is there")
    if len(quarantine) and (strict or not n_read):
        first = quarantine.rows[0]
        raise DataError(first.reason, path=first.path)
    return findings


def read_ecg(
    paths: Sequence[Path | str] | Path | str,
    patient: str,
    *,
    model: Path | str | None = None,
    codes: Path | str | None = None,
    rate: float | None = None,
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
    findings = ecg_findings(paths, model=model, codes=codes, rate=rate, quarantine=quarantine)
    return findings_graph(findings, patient)
