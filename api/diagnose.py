"""Diagnosis as a clinician-researcher does it: findings in, checked and corrected; a list out.

Phenotypes come typed, from a note that is read, from a table of findings that a person has
corrected, or from phenopackets. Patients go into a graph under pseudonyms, with what was predicted
of them. What notes say is written nowhere but where the user asks for it.
"""

from __future__ import annotations

import csv
import io
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from medkg.core.atomic import atomic_file
from medkg.core.errors import DataError, MissingError
from medkg.core.progress import track
from medkg.core.quarantine import Quarantine
from medkg.core.text import decode
from medkg.graph.frames import NODES, Source, conform
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.diagnosis.findings import (
    NOTHING,
    Findings,
    Phenotypes,
    Typed,
)

if TYPE_CHECKING:
    from medkg.extract.annotated import AnnotatedText, Triple
    from medkg.mining.diagnosis.circumstances import Circumstances, Factors
    from medkg.mining.diagnosis.knowledge import Floats, Integers
    from medkg.mining.diagnosis.model import DiagnosisModel

PATIENTS = Source("patients", "", "private: patients' data, not to be passed on")
KEEP = ("yes", "no", "drop")
FINDINGS = {
    "keep": pl.String,
    "phenotype": pl.String,
    "name": pl.String,
    "said": pl.String,
    "context": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "sentence": pl.String,
}
NO_FINDING = "no finding"
_WORD = re.compile(r"[^\W\d_]{2,}")
_NOT_THE_PATIENTS = {"family", "other", "possible", "hypothetical"}
_NO_PHENOTYPE = "no phenotype is left that the model knows"


@dataclass(frozen=True)
class Patient:
    """A patient to be diagnosed: findings, and, where they are known already, diagnoses and who
    published them."""

    id: str
    findings: Findings
    diseases: tuple[str, ...] = ()
    references: tuple[str, ...] = ()


# Findings


def of_texts(kg: KnowledgeGraph, present: Sequence[str], excluded: Sequence[str]) -> Findings:
    """Findings of what a person typed: identifiers or names.

    Raises:
        MissingError: one of them names no phenotype of the graph.
    """
    return Phenotypes(kg).clean((), (), (present, excluded))


def findings_in_note(path: Path, kg: KnowledgeGraph) -> pl.DataFrame:
    """The phenotypes that are read in a note, to be corrected by a person.

    Returns:
        `FINDINGS`: `keep`: `yes` (observed), `no` (denied: excluded) or `drop`: of the family or
        somebody else, possible (a diagnosis that is considered is no finding), hypothetical, or
        without a term of the graph's. What is past is the patient's. `said` is the text's words,
        `context` what is said of them, `start` and `end` the characters of `sentence`. In order of
        the text, and a row with no term for each sentence without a finding (`NO_FINDING` is its
        context), so that a person sees what may be missing.

    Raises:
        DataError: it can't be read, or is not one text.
    """
    from medkg.access import annotate

    texts = annotate([path], terminology=kg)
    if len(texts) != 1:
        raise DataError(f"has {len(texts)} texts, and one note is diagnosed at a time", path=path)
    return findings_of(texts[0], kg)


def findings_of(text: AnnotatedText, kg: KnowledgeGraph) -> pl.DataFrame:
    """The phenotypes of a text that was read; see `findings_in_note`."""
    names = dict(kg.nodes.filter(kind="Symptom").select("id", "name").iter_rows())
    told = [t for t in text.triples if t.relation in ("HAS_PHENOTYPE", "LACKS_PHENOTYPE")]
    told.sort(key=lambda triple: (triple.object.start or 0, triple.object.id))
    rows = [_finding(triple, text, names) for triple in told]
    rows += _without_finding(text, {(row["start"], row["end"]) for row in rows})
    return pl.DataFrame(sorted(rows, key=lambda row: row["start"]), schema=FINDINGS)


def _finding(triple: Triple, text: AnnotatedText, names: Mapping[str, str]) -> dict[str, Any]:
    known = triple.object.id in names
    context = [*triple.context]
    if triple.relation == "LACKS_PHENOTYPE":
        context.insert(0, "negated")
    keep = "no" if "negated" in context else "yes"
    if not known or _NOT_THE_PATIENTS & set(context):
        keep = "drop"
    return {
        "keep": keep,
        "phenotype": triple.object.id if known else "",
        "name": names.get(triple.object.id, ""),
        "said": _one_line(text.text[triple.object.start : triple.object.end]),
        "context": ", ".join(context),
        "start": triple.start,
        "end": triple.end,
        "sentence": _one_line(text.text[triple.start : triple.end]),
    }


def _without_finding(text: AnnotatedText, found: Set[tuple[int, int]]) -> list[dict[str, Any]]:
    """The other sentences; what has no three words, or ends as headings do, is none."""
    return [
        {
            "keep": "drop",
            "phenotype": "",
            "name": "",
            "said": "",
            "context": NO_FINDING,
            "start": start,
            "end": end,
            "sentence": _one_line(text.text[start:end]),
        }
        for start, end in text.sentences
        if (start, end) not in found
        and len(_WORD.findall(text.text[start:end])) >= 3
        and not text.text[start:end].rstrip().endswith(":")
    ]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def write_findings(found: pl.DataFrame, path: Path) -> None:
    """Write findings as a table (TSV) that a person edits and `read_findings` reads.

    It holds sentences of the note, so that only its owner may read it.
    """
    with atomic_file(path, mode=0o600) as draft:
        found.write_csv(draft, separator="\t", quote_style="necessary")


def read_findings(path: Path, kg: KnowledgeGraph, typed: Typed = NOTHING) -> Findings:
    """The findings of a table that a person has corrected, and what was typed beside it.

    Columns `keep` (yes, no or drop) and `phenotype` (an identifier or a name) are needed, all
    others are for the reader. Rows with neither are passed over; a phenotype may be missing only
    where `keep` is drop.

    Raises:
        DataError: a column is missing, a value of `keep` is none, or a phenotype isn't known; with
            the line.
    """
    text = decode(path.read_bytes(), path)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter="\t")
    if not {"keep", "phenotype"} <= set(rows.fieldnames or ()):
        raise DataError("lacks a column keep or phenotype; columns are parted by tabs", path=path)
    look = Phenotypes(kg)
    lists: dict[str, list[str]] = {"yes": [], "no": []}
    for row in rows:
        keep, phenotype = (str(row[name] or "").strip() for name in ("keep", "phenotype"))
        if not keep and not phenotype:
            continue
        if keep.lower() not in KEEP:
            raise DataError(f"keep is yes, no or drop, not {keep!r}", path=path, line=rows.line_num)
        if keep.lower() == "drop":
            continue
        try:
            look.one(phenotype)
        except MissingError as error:
            raise DataError(str(error), path=path, line=rows.line_num) from None
        lists[keep.lower()].append(phenotype)
    return look.clean(lists["yes"], lists["no"], typed)


def kept(found: pl.DataFrame, kg: KnowledgeGraph, typed: Typed = NOTHING) -> Findings:
    """The findings of a table, as it is now, and what was typed beside it."""
    present, excluded = (found.filter(keep=keep)["phenotype"].to_list() for keep in ("yes", "no"))
    return Phenotypes(kg).clean(present, excluded, typed)


def reviewed(
    found: pl.DataFrame,
    kg: KnowledgeGraph,
    answer: Callable[[Mapping[str, Any], str], str],
) -> pl.DataFrame:
    """Findings as a person corrects them, one by one.

    Args:
        answer: is given each finding and what was wrong with the last answer ("" at first). It
            gives yes, no or drop (or their first letters), "" to leave the finding, the identifier
            or name of another phenotype to take its place, or `stop` to leave all the rest.
    """
    look = Phenotypes(kg)
    rows = found.to_dicts()
    for row in rows:
        problem: str | None = ""
        while problem is not None:
            said = answer(row, problem).strip()
            if said.lower() == "stop":
                return pl.DataFrame(rows, schema=FINDINGS)
            problem = _correct(row, said, look)
    return pl.DataFrame(rows, schema=FINDINGS)


def _correct(row: dict[str, Any], said: str, look: Phenotypes) -> str | None:
    """Change a finding as a person says; what is wrong with that, or None."""
    word = next((keep for keep in KEEP if said.lower() in (keep, keep[0])), None)
    if not said:
        return None
    if word is not None:
        if not row["phenotype"] and word != "drop":
            return "it has no term yet: give an identifier or a name"
        row["keep"] = word
        return None
    try:
        identifier, _ = look.one(said)
    except MissingError as error:
        return str(error)
    row["phenotype"], row["name"] = identifier, look.names[identifier]
    row["keep"] = "no" if "negated" in row["context"] else "yes"
    return None


# Phenopackets


def patients_of(
    path: Path, kg: KnowledgeGraph, quarantine: Quarantine, typed: Typed = NOTHING
) -> list[Patient]:
    """The patients of a phenopacket, or of a folder or an archive of them.

    A patient of whom no phenotype is left is set aside, as is a file that is no phenopacket.

    Args:
        typed: what a person typed beside the only patient.

    Raises:
        DataError: there is none to diagnose, or several and something was typed.
    """
    from medkg.loaders.sources import load
    from medkg.mining.diagnosis.cases import cases_of

    look = Phenotypes(kg)
    cases = cases_of(load("phenopackets", path, quarantine=quarantine))
    if any(typed) and len(cases) > 1:
        raise DataError(f"has {len(cases)} patients: phenotypes are typed for one", path=path)
    found = []
    for case in cases:
        findings = look.clean(case.present, case.excluded, typed)
        if findings.present:
            found.append(Patient(case.id, findings, case.diseases, case.references))
        else:
            said = "; ".join(findings.notes) or "it states none"
            quarantine.add("no phenotype of the graph's", path=path, row=f"{case.id}: {said}")
    if not found:
        first = next(iter(quarantine), None)
        why = f"; the first: {first.reason}, {first.row}" if first else ""
        raise DataError(f"has no patient that can be diagnosed{why}", path=path)
    return found


def diagnose_all(
    model: DiagnosisModel,
    patients: Sequence[Patient],
    quarantine: Quarantine,
    *,
    top: int = 10,
    circumstances: Circumstances | None = None,
    coverage: float | None = None,
) -> list[dict[str, Any]]:
    """The most probable diseases of each of several patients.

    A patient of whom the model knows no phenotype is set aside.

    Args:
        coverage: how surely the disease is in the set of `open_set`; by default 0.9.

    Returns:
        For each: `patient`, `present`, `excluded`, `notes`, `diagnoses` (as dictionaries, see
        `DiagnosisModel.diagnose`), of the diagnoses that are known (`known`) the first that is
        a candidate with its rank (`known_rank`; None where none of them is, with a note; a note
        says, too, where the model knows the publication, so that the rank is no test of it), and
        `open_set`, None where the model has none, else `none_of_these` (a probability), `base_rate`
        (how often it was so where it was fitted), `coverage`, how many diseases are in the set that
        holds the true one with it (`size`), whether "none of these" is in it (`with_none`), and, of
        one patient or where a coverage is given, the `set`: identifiers and names, the most
        probable first. It goes by the phenotypes seen alone, as it was fitted
        (`medkg.mining.diagnosis.open_set`).
    """
    from medkg.mining.diagnosis.circumstances import Factors

    # A set is of hundreds of diseases; those of a folder's patients are given to who asks.
    with_sets = coverage is not None or len(patients) == 1
    factors = Factors(model.kg, model.knowledge, circumstances) if circumstances else None
    published = _publications_known(model) if any(p.references for p in patients) else set()
    found = []
    parts = list(_parts(patients))
    for part in track(parts, "diagnose") if len(parts) > 1 else parts:
        usable = [p for p in part if len(model.knowledge.columns_of(p.findings.present))]
        for patient in part:
            if patient not in usable:
                said = "; ".join([patient.id, *patient.findings.notes])
                quarantine.add(_NO_PHENOTYPE, path="patients", row=said)
        if usable:
            found += _diagnosed(
                model, usable, factors, top, coverage or COVERAGE, with_sets, published
            )
    return found


COVERAGE = 0.9  # of sets, if not told
_PART = 100  # patients scored at a time


def _parts(patients: Sequence[Patient]) -> Iterator[Sequence[Patient]]:
    for start in range(0, len(patients), _PART):
        yield patients[start : start + _PART]


def _diagnosed(
    model: DiagnosisModel,
    patients: Sequence[Patient],
    factors: Factors | None,
    top: int,
    coverage: float,
    with_sets: bool,
    published: Set[str],
) -> list[dict[str, Any]]:
    from medkg.mining.diagnosis.explain import posterior

    knowledge = model.knowledge
    present = [knowledge.columns_of(patient.findings.present) for patient in patients]
    excluded = [knowledge.columns_of(patient.findings.excluded) for patient in patients]
    scores = model.scores(present)
    logs = posterior(model, present, excluded, factors, scores)
    opened = _open_sets(model, present, scores, coverage, with_sets)
    found = []
    for at, patient in enumerate(patients):
        notes = list(patient.findings.notes)
        of_known = (knowledge.disease_rows.get(disease) for disease in patient.diseases)
        row = next((row for row in of_known if row is not None), None)
        if patient.diseases and row is None:
            listed = ", ".join(patient.diseases)
            notes.append(f"its diagnosis ({listed}) is no candidate: the graph doesn't describe it")
        if row is not None and (told := sorted(published & {*patient.references})):
            notes.append(
                f"where it is published ({', '.join(told)}) is among what the model was made from,"
                " so that the rank of its diagnosis is no test of the model"
            )
        found.append(
            {
                "patient": patient.id,
                "present": list(patient.findings.present),
                "excluded": list(patient.findings.excluded),
                "notes": notes,
                "known": list(patient.diseases),
                "known_rank": None if row is None else _rank(logs[at], row),
                "diagnoses": model.rows_of(present[at], excluded[at], scores[at], logs[at], top),
                "open_set": opened[at],
            }
        )
    return found


def _publications_known(model: DiagnosisModel) -> set[str]:
    """Papers that the model's knowledge cites, and where patients were published that it learnt
    from."""
    from medkg.mining.diagnosis.leaks import cited_by

    patients = {*model.knowledge.patient_publications, *model.settings.get("learnt_from", ())}
    cited = cited_by(model.kg) | patients
    return {each for each in cited if each.startswith(("PMID:", "doi:", "DOI:"))}


def _rank(logs: Floats, row: int) -> int:
    """The place of a disease among the most probable ones; of equal ones the first is before."""
    return 1 + int((logs > logs[row]).sum() + (logs[:row] == logs[row]).sum())


def _open_sets(
    model: DiagnosisModel,
    present: Sequence[Integers],
    scores: Floats,
    coverage: float,
    with_sets: bool,
) -> Sequence[dict[str, Any] | None]:
    """`open_set` of each patient; see `diagnose_all`."""
    import numpy as np

    from medkg.mining.diagnosis.open_set import Ordered

    if model.open_set is None:
        return [None] * len(present)
    diseases, names = model.knowledge.diseases, model.names
    numbers = np.array([len(columns) for columns in present])
    chances = model.open_set.probabilities(scores, numbers)
    sets = Ordered.of(chances).sets(model.open_set.limit(coverage))
    found: list[dict[str, Any]] = []
    for none, rows in zip(chances[:, -1], sets, strict=True):
        opened: dict[str, Any] = {
            "none_of_these": float(none),
            "base_rate": model.open_set.base_rate,
            "coverage": coverage,
            "size": int((rows >= 0).sum()),
            "with_none": bool((rows < 0).any()),
        }
        if with_sets:
            within = [diseases[row] for row in rows if row >= 0]
            opened["set"] = [{"disease": id_, "name": names.get(id_, id_)} for id_ in within]
        found.append(opened)
    return found


# Asking


def dialogue(
    model: DiagnosisModel,
    findings: Findings,
    answer: Callable[[pl.DataFrame, Mapping[str, Any]], str],
    *,
    top: int = 10,
    circumstances: Circumstances | None = None,
) -> Findings:
    """Ask for phenotypes until the list is narrow enough for whoever answers.

    Args:
        answer: is given the list as it stands and the question (a row of
            `DiagnosisModel.questions`), and says yes, no, "?" (not known) or stop.

    Returns:
        What is known at the end.
    """
    present, excluded, unknown = list(findings.present), list(findings.excluded), list[str]()
    while True:
        rows = model.diagnose(present, excluded, top=top, circumstances=circumstances)
        asked = model.questions(
            present, excluded, unknown=unknown, top=1, circumstances=circumstances
        )
        said = "stop" if asked.is_empty() else answer(rows, asked.row(0, named=True))
        if said == "stop":
            return Findings(tuple(present), tuple(excluded), findings.notes)
        {"yes": present, "no": excluded, "?": unknown}[said].append(asked["phenotype"][0])


# Into the graph


def pseudonym(key: str | None, own: str) -> str:
    """The identifier of a patient in the graph, without a key a random one.

    With a key it is that of `medkg.loaders.clinical.Patients`: the same for the same patient
    wherever the key is used, FHIR and OMOP loads included.

    Args:
        own: the source's own identifier of the patient, with or without `patient:`: of a
            phenopacket its `id` (not its subject's), else what the user calls the patient.
    """
    from medkg.loaders.clinical import Patients

    if key is None:
        return f"patient:{secrets.token_hex(12)}"
    return Patients(key).identifier(own.removeprefix("patient:"))


def as_graph(patients: Mapping[str, Patient], model: DiagnosisModel, top: int) -> KnowledgeGraph:
    """Patients as a graph: what they show and lack, known diagnoses, and what is predicted.

    Nothing else of them: no name, no date, no text; what they are called is a pseudonym.

    Args:
        patients: by their pseudonyms.

    Returns:
        Nodes Patient, Symptom and Disease; HAS_PHENOTYPE, LACKS_PHENOTYPE and HAS_DISEASE; and
        HAS_DISEASE predictions, whose `explanation` is JSON: the identifiers of `matching`,
        `missing`, `unexpected` and `against` phenotypes, and `findings`, what
        `DiagnosisModel.explain` says of each.
    """
    told = [
        (pseudonym, relation, object_)
        for pseudonym, patient in patients.items()
        for relation, objects in (
            ("HAS_PHENOTYPE", patient.findings.present),
            ("LACKS_PHENOTYPE", patient.findings.excluded),
            ("HAS_DISEASE", patient.diseases),
        )
        for object_ in objects
    ]
    ends = {object_ for *_, object_ in told}
    of_graph = model.kg.nodes.filter(pl.col("id").is_in(list(ends)))
    missing = ends - set(of_graph["id"])
    nodes = pl.concat(
        [
            of_graph,
            pl.DataFrame(
                [
                    *((pseudonym, "Patient", pseudonym) for pseudonym in patients),
                    *((id_, "Disease", id_) for id_ in sorted(missing)),
                ],
                schema=["id", "kind", "name"],
                orient="row",
            ),
        ],
        how="diagonal",
    )
    evidence = pl.DataFrame(
        told, schema=dict.fromkeys(("subject", "relation", "object"), pl.String), orient="row"
    ).with_columns(source=pl.lit(PATIENTS.name), level=pl.lit("observed"))
    kg = KnowledgeGraph.build(nodes, evidence, [PATIENTS])
    predictions = _explained(model, model.predictions(kg, top=top), patients)
    tails = predictions.select(id="tail", kind=pl.lit("Disease"), name="tail").unique("id")
    others = pl.concat([tails["id"], kg.nodes["id"]])
    # The last are diseases of known cases that the model's graph lacks.
    joined = pl.concat(
        [
            kg.nodes,
            model.kg.nodes.filter(pl.col("id").is_in(others.implode())),
            conform(tails, NODES),
        ]
    ).unique("id", keep="first", maintain_order=True)
    return kg.with_frames(nodes=joined.sort("id")).with_predictions(predictions)


def _explained(
    model: DiagnosisModel, predictions: pl.DataFrame, patients: Mapping[str, Patient]
) -> pl.DataFrame:
    explanations = {}
    several = len(patients) > 1
    for pseudonym, patient in track(patients.items(), "explain") if several else patients.items():
        own = predictions.filter(head=pseudonym).sort("rank")
        if own.is_empty():
            continue
        findings = patient.findings
        rows = model.explain(findings.present, findings.excluded, diseases=own["tail"].to_list())
        for disease, compared in own.select("tail", "explanation").iter_rows():
            lines = rows.filter(disease=disease).drop("rank", "disease", "disease_name")
            said = [{k: v for k, v in line.items() if v is not None} for line in lines.to_dicts()]
            explanations[pseudonym, disease] = json.dumps(
                {**json.loads(compared), "findings": said}, ensure_ascii=False
            )
    texts = [explanations[pair] for pair in predictions.select("head", "tail").iter_rows()]
    return predictions.with_columns(explanation=pl.Series(texts, dtype=pl.String))
