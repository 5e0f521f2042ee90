"""Patients to be diagnosed, and how they are read from phenopackets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from medkg.core.errors import DataError, MissingError
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
    graph = load("phenopackets", path, quarantine=quarantine)
    cases = cases_of(graph)
    # Of several files the graph has one name a term, which may be another file's.
    own_names = graph.nodes.filter(kind="Symptom") if len(cases) == 1 else graph.nodes.clear()
    labels = dict(own_names.select("id", "name").iter_rows())
    if any(typed) and len(cases) > 1:
        raise DataError(f"has {len(cases)} patients: phenotypes are typed for one", path=path)
    patients = []
    for case in cases:
        findings = phenotypes.clean(case.present, case.excluded, typed)
        if findings.present:
            notes = _mislabelled(phenotypes, labels, dict.fromkeys([*case.present, *case.excluded]))
            findings = replace(findings, notes=(*findings.notes, *notes))
            patients.append(PatientFindings(case.id, findings, case.diseases, case.references))
        else:
            reasons = "; ".join(findings.notes) or "it states none"
            quarantine.add("no phenotype of the graph's", path=path, row=f"{case.id}: {reasons}")
    if not patients:
        first = next(iter(quarantine), None)
        reason = f"; the first: {first.reason}, {first.row}" if first else ""
        raise DataError(f"has no patient that can be diagnosed{reason}", path=path)
    return patients


def _mislabelled(
    phenotypes: Phenotypes, labels: Mapping[str, str], identifiers: Iterable[str]
) -> Iterator[str]:
    """What to say of terms that the file calls by the name of another one."""
    for identifier in identifiers:
        if identifier not in labels:
            continue
        try:
            own, _ = phenotypes.one(identifier)
            named, _ = phenotypes.one(labels[identifier])
        except MissingError:
            continue
        if named != own:
            yield (
                f"{identifier} is {phenotypes.names[own]}, and counts as such; the file calls it by"
                f" the name of {named} ({phenotypes.names[named]})"
            )
