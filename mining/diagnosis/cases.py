"""Cases: patients with observed and excluded phenotypes, a diagnosis, and who published them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ...core.errors import DataError, SchemaError
from ...core.input_files import read_whole
from ...core.quarantine import Quarantine
from ...core.text import decode
from ...graph.frames import Source
from ...graph.identifiers import normalise_curie
from ...graph.kg import KnowledgeGraph

_SOURCE = Source("cases", "", "as stated by whoever made the table")
_RELATIONS = {
    "phenotypes": ("HAS_PHENOTYPE", "Symptom"),
    "excluded": ("LACKS_PHENOTYPE", "Symptom"),
    "diseases": ("HAS_DISEASE", "Disease"),
}
_EVIDENCE: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(("subject", "relation", "object"), pl.String),
    "references": pl.List(pl.String),
}
_REQUIRED, _OPTIONAL = ("case", "phenotypes", "diseases"), ("excluded", "publication")
_NUMBERS = re.compile(r"PMID[_:. ]?(\d{5,8})(?!\d)|(?<!\d)(\d{7,8})(?!\d)")


@dataclass(frozen=True)
class Case:
    """A patient: identifiers of phenotypes seen and excluded, diagnoses, and the publication.

    `publication` is the first reference of the diagnosis, or the patient's own identifier;
    `references` are all that the patient's evidence has.
    """

    id: str
    present: tuple[str, ...]
    excluded: tuple[str, ...]
    diseases: tuple[str, ...]
    publication: str
    references: tuple[str, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """PMIDs in the identifier that are not the case's own: of who described the patient before,
        as in `PMID_35190816_STX_30654231_Patient_2`. A number of 7 or 8 digits counts as one."""
        named = {f"PMID:{of_pmid or bare}" for of_pmid, bare in _NUMBERS.findall(self.id)}
        return tuple(sorted(named - {self.publication, *self.references}))


def pmid(publication: str) -> int:
    """The number of a PMID; 0 for any other reference."""
    number = publication.removeprefix("PMID:")
    return int(number) if number.isdigit() else 0


def cases_of(kg: KnowledgeGraph) -> list[Case]:
    """The Patient nodes of a graph as cases, in order of identifier."""
    patients = kg.nodes.filter(kind="Patient").select(subject="id")
    edges = kg.edges.join(patients, on="subject", how="semi")
    lists = {
        relation: dict(
            edges.filter(relation=relation)
            .group_by("subject")
            .agg(pl.col("object").sort())
            .iter_rows()
        )
        for relation in ("HAS_PHENOTYPE", "LACKS_PHENOTYPE", "HAS_DISEASE")
    }
    evidence = kg.evidence.join(patients, on="subject", how="semi")
    cited = dict(
        evidence.filter(relation="HAS_DISEASE")
        .group_by("subject")
        .agg(pl.col("references").list.first().drop_nulls().min())
        .iter_rows()
    )
    references = dict(
        evidence.group_by("subject")
        .agg(pl.col("references").explode().drop_nulls().unique().sort())
        .iter_rows()
    )
    return [
        Case(
            id=patient,
            present=tuple(lists["HAS_PHENOTYPE"].get(patient, ())),
            excluded=tuple(lists["LACKS_PHENOTYPE"].get(patient, ())),
            diseases=tuple(lists["HAS_DISEASE"].get(patient, ())),
            publication=cited.get(patient) or patient,
            references=tuple(references.get(patient, ())),
        )
        for patient in patients["subject"].sort()
    ]


def patients_of(kg: KnowledgeGraph, patients: Iterable[str]) -> KnowledgeGraph:
    """The graph with no other patients than these; all else stays, evidence included."""
    kept = pl.Series(sorted(patients), dtype=pl.String).implode()
    other = kg.nodes.filter(~pl.col("id").is_in(kept), kind="Patient")
    if other.is_empty():
        return kg
    return kg.subgraph(kg.nodes.join(other, on="id", how="anti")["id"])


def read_cases(path: Path, quarantine: Quarantine) -> KnowledgeGraph:
    """The cases of a table, as a graph of patients.

    Columns divided by tabs, a line of names first: `case`, `phenotypes`, `diseases` (the
    true ones), and, where there are, `excluded` and `publication`; others are left alone.
    Phenotypes and diseases are identifiers, several of them divided by `;`, `|`, `,` or blanks.
    A publication is an identifier (PMID:31239556) or the number of a PMID; cases without one count
    as one publication each.

    Args:
        quarantine: gets the lines that can't be used, with the reason.

    Raises:
        DataError: no file, one that is no text (`core.text.decode`), a column that is missing, or
            no case in it.
    """
    nodes: dict[str, str] = {}
    evidence: list[tuple[str, str, str, list[str]]] = []
    for line, row in _rows(path):
        patient = f"patient:{'_'.join((row.get('case') or '').split())}"
        try:
            identifiers = {column: _identifiers(row.get(column) or "") for column in _RELATIONS}
            publication = _publication(row.get("publication") or "")
            if problem := _problem(row, identifiers, patient in nodes):
                raise SchemaError(problem)
        except SchemaError as error:
            quarantine.add(str(error), path=path, line=line, row=patient)
            continue
        nodes[patient] = "Patient"
        for column, (relation, kind) in _RELATIONS.items():
            for identifier in identifiers[column]:
                nodes[identifier] = kind
                evidence.append((patient, relation, identifier, publication))
    if not evidence:
        first = "".join(f"; line {bad.line}: {bad.reason}" for bad in quarantine.rows[:1])
        raise DataError(f"holds no case that can be used{first}", path=path)
    return KnowledgeGraph.build(
        pl.DataFrame({"id": list(nodes), "kind": list(nodes.values()), "name": list(nodes)}),
        pl.DataFrame(evidence, schema=_EVIDENCE, orient="row").with_columns(
            source=pl.lit(_SOURCE.name), level=pl.lit("observed")
        ),
        [_SOURCE],
        quarantine=quarantine,
        origin=str(path),
    )


def _rows(path: Path) -> Iterator[tuple[int, dict[str | None, str]]]:
    """The lines of a table by their columns' names, empty ones left out, with their numbers."""
    try:
        with io.StringIO(decode(read_whole(path), path), newline="") as file:
            rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            rows.fieldnames = [_unquoted(name).strip().lower() for name in rows.fieldnames or ()]
            if missing := [name for name in _REQUIRED if name not in rows.fieldnames]:
                raise DataError(
                    f"lacks the columns {', '.join(missing)}; a table of cases has"
                    f" {', '.join(_REQUIRED)} and may have {', '.join(_OPTIONAL)}, divided by tabs",
                    path=path,
                    line=1,
                )
            for row in rows:
                # Of a line that is too long or too short, some values are no text.
                yield (
                    rows.line_num,
                    {k: _unquoted(v) if isinstance(v, str) else v for k, v in row.items()},
                )
    except csv.Error as error:
        raise DataError(f"is no table: {error}", path=path) from error


def _unquoted(text: str) -> str:
    """A field without the quotes that spreadsheets put around one with a comma.

    Not left to the reader of the table, to which one stray quote would be the start of a field of
    many lines.
    """
    inner = text[1:-1]
    if len(text) > 1 and text[0] == text[-1] == '"' and '"' not in inner.replace('""', ""):
        return inner.replace('""', '"')
    return text


def _problem(
    row: Mapping[str | None, str], identifiers: Mapping[str, Sequence[str]], known: bool
) -> str | None:
    """Why a line can't be used, in a phrase that is the same for all lines of its sort."""
    if None in row or None in row.values():
        return "more or fewer columns than the first line"
    if not row["case"].strip():
        return "no case"
    if known:
        return "case of an earlier line"
    for column in ("phenotypes", "diseases"):
        if not identifiers[column]:
            return f"no {column}"
    if any(identifier.startswith("HP:") for identifier in identifiers["diseases"]):
        return "a phenotype among the diseases"
    return None


def _identifiers(text: str) -> list[str]:
    """The identifiers in a field, each once, in the standard spelling."""
    return list(dict.fromkeys(map(_curie, filter(None, re.split(r"[;|,\s]+", text)))))


def _curie(text: str) -> str:
    try:
        return normalise_curie(text)
    except SchemaError as error:
        raise SchemaError("something that is no identifier") from error


def _publication(text: str) -> list[str]:
    text = text.strip()
    return [_curie(f"PMID:{text}" if text.isdigit() else text)] if text else []
