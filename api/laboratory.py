"""Laboratory results of files, read into findings of patients, and these into a graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medkg.core.atomic import sha256
from medkg.core.errors import DataError, MedkgError, MissingError, NothingReadError
from medkg.core.input_files import InputError
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph

if TYPE_CHECKING:
    from medkg.signals.finding import Finding
    from medkg.signals.labs.result import LaboratoryResult

__all__ = ["lab_findings", "read_labs"]

_TABLES = (".csv", ".tsv")
_LISTED = 5  # patients that a message names


def read_labs(
    paths: Sequence[Path | str] | Path | str,
    patient: str | None = None,
    *,
    loinc2hpo: Path | str | None = None,
    quarantine: Quarantine | None = None,
) -> KnowledgeGraph:
    """Read laboratory results into a graph: phenotypes that patients have or lack.

    Args:
        paths: one or several: FHIR Observations (.json, .ndjson), OMOP's table `measurement`, or a
            plain table (.csv, .tsv) with columns `test` or `loinc`, `value`, and perhaps `patient`,
            `unit`, `low`, `high`, `interpretation`, `date`, parted by tabs, semicolons or commas.
        patient: this one's results alone, and those that name nobody; by default all patients'.
        loinc2hpo: its table of annotations, for LOINC codes that medkg's own lacks.
        quarantine: gets results of which nothing can be said, and files that can't be read, each
            with the reason.

    Raises:
        DataError: nothing can be said of any result, or the files name patients, and not this one.

    Example:
        >>> from pathlib import Path
        >>> rows = "patient,test,value,unit\\nann,sodium,118,mmol/L\\nann,potassium,4.1,mmol/L\\n"
        >>> _ = Path("results.csv").write_text(rows)
        >>> kg = medkg.read_labs("results.csv")
        >>> sorted(kg.edges.filter(relation="LACKS_PHENOTYPE")["object"])
        ['HP:0002153', 'HP:0002900']
    """
    from medkg.signals.to_graph import patients_graph

    quarantine = Quarantine() if quarantine is None else quarantine
    findings = lab_findings(paths, patient=patient, loinc2hpo=loinc2hpo, quarantine=quarantine)
    return patients_graph(findings)


def lab_findings(
    paths: Sequence[Path | str] | Path | str,
    *,
    patient: str | None,
    unnamed: str = "",
    loinc2hpo: Path | str | None = None,
    quarantine: Quarantine,
) -> dict[str, list[Finding]]:
    """The findings of laboratory results by patient.

    Args:
        paths, patient, loinc2hpo, quarantine: see `read_labs`.
        unnamed: what a patient is called whom a file doesn't name; "" sets their results aside.

    Raises:
        DataError: nothing can be said of any result, or the files name patients, and not this one.
    """
    from medkg.signals.labs.interpret import (
        Uninterpretable,
        description,
        findings_of,
        read_loinc2hpo,
    )

    more_tests = {} if loinc2hpo is None else read_loinc2hpo(Path(loinc2hpo))
    by_patient: dict[str, list[Finding]] = {}
    named: dict[str, None] = {}  # patients, in the files' order
    files = [paths] if isinstance(paths, str | Path) else paths
    for result in _results([Path(file) for file in files], quarantine):
        if result.patient:
            named[result.patient] = None
        name = result.patient or patient or unnamed
        if patient is not None and name != patient:
            continue
        try:
            if not name:
                raise Uninterpretable("no patient: the file names none, and no --patient is given")
            findings = findings_of(result, more_tests)
        except Uninterpretable as problem:
            row = description(result, more_tests, problem.usual_units)
            quarantine.add(str(problem), path=result.file, line=result.line, row=row)
        else:
            by_patient.setdefault(name, []).extend(findings)
    if patient is not None and named and patient not in named:
        listed = ", ".join([*named][:_LISTED])
        more = f" and {len(named) - _LISTED:,} more" if len(named) > _LISTED else ""
        raise DataError(f"there is no patient {patient}: named are {listed}{more}")
    if not by_patient:
        reasons = ", ".join(f"{reason}: {n}" for reason, n in quarantine.counts().items())
        of = "" if patient is None else f" of patient {patient}"
        kind = NothingReadError if len(quarantine) else DataError
        raise kind(f"no laboratory result{of} is a phenotype ({reasons or 'there is none'})")
    return by_patient


def _results(files: Sequence[Path], quarantine: Quarantine) -> Iterator[LaboratoryResult]:
    """The results of files; one that can't be read is set aside, and never ends the run.

    Raises:
        MissingError: there is no such file.
    """
    from medkg.signals.labs.table import results_of_table

    for file in files:
        if not file.exists():
            raise MissingError(f"{file}: there is no such file or folder")
        tables = file.suffix.lower() in _TABLES
        try:
            checksum = sha256(file) if file.is_file() else ""
            for result in results_of_table(file) if tables else _fhir_results(file, quarantine):
                yield result.located(result.file or str(file), checksum)
        except MedkgError as error:
            cause = error.reason if isinstance(error, InputError) else "can't be read"
            quarantine.add(f"the file {cause}", path=file, row=str(error))


def _fhir_results(path: Path, quarantine: Quarantine) -> Iterator[LaboratoryResult]:
    from dataclasses import replace

    from medkg.loaders.fhir_files import fhir_files, resources
    from medkg.signals.labs.observation import results_of_observation

    for file in fhir_files(path):
        for item in resources(file):
            if item.resource is None:
                quarantine.add("no FHIR resource", path=file, line=item.line, row=item.place)
            elif item.resource.get("resourceType") == "Observation":
                for result in results_of_observation(dict(item.resource)):
                    yield replace(result, file=str(file), place=item.place, line=item.line)
