"""What a diagnosis starts from: phenotypes given by name, read from a note, or in a phenopacket."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medkg.graph.errors import DataError
from medkg.graph.kg import KnowledgeGraph


def phenotypes(
    kg: KnowledgeGraph,
    present: Sequence[str],
    absent: Sequence[str],
    note: Path | None,
    phenopacket: Path | None,
) -> tuple[list[str], list[str]]:
    """The identifiers of the phenotypes that a patient has, and of those looked for and not found.

    Args:
        kg: the graph whose identifiers are used.
        present, absent: identifiers or names.
        note: a clinical note; what it says of the patient now is added.
        phenopacket: a GA4GH phenopacket; likewise.

    Raises:
        MissingError: a name that the graph doesn't have.
        DataError: a file that can't be read, or in which no phenotype is found.
    """
    has = [kg.resolve(text, "Symptom") for text in present]
    lacks = [kg.resolve(text, "Symptom") for text in absent]
    for path, read in ((note, _from_note), (phenopacket, _from_phenopacket)):
        if path is None:
            continue
        patient = read(path, kg)
        patients = patient.nodes.filter(kind="Patient").height
        if patients > 1:
            raise DataError(
                f"has {patients} patients, and one is diagnosed at a time; to measure on many, use"
                " medkg evaluate diagnosis",
                path=path,
            )
        found, denied = of_patient(patient, kg)
        if not found:
            raise DataError("no phenotype of the graph's was found in it", path=path)
        has += found
        lacks += denied
    present_ids = list(dict.fromkeys(has))
    return present_ids, [i for i in dict.fromkeys(lacks) if i not in set(present_ids)]


def of_patient(patient: KnowledgeGraph, kg: KnowledgeGraph) -> tuple[list[str], list[str]]:
    """HAS_PHENOTYPE and LACKS_PHENOTYPE of a graph of one patient, as far as `kg` knows them."""
    known = set(kg.nodes.filter(kind="Symptom")["id"])
    has = patient.edges.filter(relation="HAS_PHENOTYPE")["object"].unique().sort()
    lacks = patient.edges.filter(relation="LACKS_PHENOTYPE")["object"].unique().sort()
    return [i for i in has if i in known], [i for i in lacks if i in known]


def _from_note(path: Path, kg: KnowledgeGraph) -> KnowledgeGraph:
    from medkg.access import extract

    return extract([path], terminology=kg)


def _from_phenopacket(path: Path, kg: KnowledgeGraph) -> KnowledgeGraph:
    from medkg.loaders.sources import load

    return load("phenopackets", path)
