"""Patients to be diagnosed, and how they are read from phenopackets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.diagnosis.phenotypes import NOTHING, Findings, Phenotypes, Typed


@dataclass(frozen=True)
class PatientFindings:
    """A patient to be diagnosed.

    Attributes:
        id: what the patient is called in the source.
        findings: phenotypes observed and excluded.
        diseases: diagnoses, where they are known already.
        references: who published the patient.
    """

    id: str
    findings: Findings
    diseases: tuple[str, ...] = ()
    references: tuple[str, ...] = ()


def read_phenopackets(
    path: Path, kg: KnowledgeGraph, quarantine: Quarantine, typed: Typed = NOTHING
) -> list[PatientFindings]:
    """The patients of a phenopacket, or of a folder or an archive of them.

    A patient of whom no phenotype is left is set aside, as is a file that is no phenopacket.

    Args:
        typed: what a person typed beside the only patient.

    Raises:
        DataError: there is none to diagnose, or several and something was typed.
    """
    from medkg.loaders.sources import load
    from medkg.mining.diagnosis.cases import cases_of

    phenotypes = Phenotypes(kg)
    cases = cases_of(load("phenopackets", path, quarantine=quarantine))
    if any(typed) and len(cases) > 1:
        raise DataError(f"has {len(cases)} patients: phenotypes are typed for one", path=path)
    patients = []
    for case in cases:
        findings = phenotypes.clean(case.present, case.excluded, typed)
        if findings.present:
            patients.append(PatientFindings(case.id, findings, case.diseases, case.references))
        else:
            notes = "; ".join(findings.notes) or "it states none"
            quarantine.add("no phenotype of the graph's", path=path, row=f"{case.id}: {notes}")
    if not patients:
        first = next(iter(quarantine), None)
        reason = f"; the first: {first.reason}, {first.row}" if first else ""
        raise DataError(f"has no patient that can be diagnosed{reason}", path=path)
    return patients
