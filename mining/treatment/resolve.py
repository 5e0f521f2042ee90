"""From texts to identifiers of a graph, and from a patient of the graph to a treatment query."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

from ...core.errors import DataError, MissingError
from ...graph.kg import KnowledgeGraph
from ...graph.obsolete import current_ids
from ..safety.patient_record import patient_record
from ..safety.query import TreatmentQuery

Notices = list[str]
_ALLERGENS = ("Drug", "DrugClass", "Exposure")  # kinds of nodes
_PLURALS = {
    "Symptom": "symptoms",
    "Drug": "drugs",
    "DrugClass": "classes of drugs",
    "Exposure": "exposures",
}


def resolved(
    kg: KnowledgeGraph, texts: Sequence[str], kind: str, notices: Notices
) -> tuple[str, ...]:
    """Identifiers of a kind, each once; obsolete ones replaced, which `notices` records.

    Raises:
        MissingError: none of that kind (near ones are named), or several.
    """
    replaced: dict[str, str] = {}
    if texts:
        current = current_ids([kg]).filter(kind=kind)
        replaced = dict(current.select("old", "new").iter_rows())
    matches: list[str] = []
    for text in texts:
        if text in replaced:
            notices.append(f"{text} is obsolete: {replaced[text]} was taken, which replaces it")
            text = replaced[text]
        if kind != "Disease" and len(same := _namesakes(kg, text, kind)) > 1:
            notices.append(f"{text} is {len(same)} {_PLURALS[kind]} of one name; all were taken")
            matches += same
        else:
            matches.append(_resolved_one(kg, text, kind))
    return tuple(dict.fromkeys(matches))


def resolved_allergens(
    kg: KnowledgeGraph, texts: Sequence[str], notices: Notices
) -> tuple[str, ...]:
    """Identifiers of drugs, or else of classes of drugs or exposures, as `resolved` gives them.

    Raises:
        MissingError: nothing of these kinds (near drugs are named), or several.
    """
    matches: list[str] = []
    for text in texts:
        kinds = (kind for kind in _ALLERGENS if not kg.find(text, kind).is_empty())
        matches += resolved(kg, [text], next(kinds, "Drug"), notices)
    return tuple(dict.fromkeys(matches))


def _namesakes(kg: KnowledgeGraph, text: str, kind: str) -> list[str]:
    """The nodes of a kind that a text names, if they have one name: unmerged sources have one each,
    and what warns may be about any."""
    rows = kg.find(text, kind)
    return rows["id"].to_list() if rows["name_key"].n_unique() == 1 else []


def _resolved_one(kg: KnowledgeGraph, text: str, kind: str) -> str:
    try:
        return kg.resolve(text, kind)
    except MissingError:
        other = kg.find(text)
        if other.is_empty() or kind in set(other["kind"]):
            raise
        first = other.row(0, named=True)
        raise MissingError(
            f"{text!r} is a {first['kind']} in the graph ({first['name']}, {first['id']}), not a"
            f" {kind}; give it where a {first['kind']} belongs, or the identifier of a {kind}"
        ) from None


def resolved_query(
    kg: KnowledgeGraph,
    query: TreatmentQuery,
    patient: str | None,
    candidates: Container[str],
    notices: Notices,
) -> TreatmentQuery:
    """The query that texts give, in identifiers, each once, with what the graph records of a
    patient; what was given takes precedence.

    Of the diseases that the graph records of the patient, those that are not among `candidates` are
    not sought for, as `notices` says, but count for what speaks against a drug; unless none is.

    Args:
        query: identifiers or names.
        patient: identifier or name of a patient of the graph.
        candidates: the diseases that a model has seen.

    Raises:
        MissingError: no such entity or patient.
        DataError: no disease to treat, or a pregnant man.
    """
    query = replace(
        query,
        diseases=resolved(kg, query.diseases, "Disease", notices),
        also=resolved(kg, query.also, "Disease", notices),
        symptoms=resolved(kg, query.symptoms, "Symptom", notices),
        taking=resolved(kg, query.taking, "Drug", notices),
        allergic=resolved_allergens(kg, query.allergic, notices),
    )
    if patient is not None:
        query = _with_record(kg, query, patient, candidates, notices)
    if not query.diseases:
        raise DataError(
            "give a disease to treat, or a patient who has one; medkg diagnose ranks diseases for"
            " symptoms"
        )
    return replace(
        query,
        also=tuple(dict.fromkeys(d for d in query.also if d not in query.diseases)),
        symptoms=tuple(dict.fromkeys(query.symptoms)),
        taking=tuple(dict.fromkeys(query.taking)),
        allergic=tuple(dict.fromkeys(query.allergic)),
    )


def _with_record(
    kg: KnowledgeGraph,
    query: TreatmentQuery,
    patient: str,
    candidates: Container[str],
    notices: Notices,
) -> TreatmentQuery:
    node = _resolved_one(kg, patient, "Patient")
    record = patient_record(kg, node)
    diseases = query.diseases or _sought(kg, record.diseases, candidates, notices)
    if not diseases:
        raise DataError(
            f"the graph records no disease of {node}; give one with --disease, or rank"
            " diseases for the patient's findings with medkg diagnose"
        )
    return replace(
        query,
        diseases=diseases,
        also=(*query.also, *record.diseases),
        symptoms=(*query.symptoms, *record.symptoms),
        taking=(*query.taking, *record.taking),
        allergic=(*query.allergic, *record.allergic),
        sex=record.sex if query.sex is None else query.sex,
        youngest=record.youngest if query.age is None else None,
        age=record.age if query.age is None else query.age,
        id=node,
    )


def _sought(
    kg: KnowledgeGraph, diseases: tuple[str, ...], candidates: Container[str], notices: Notices
) -> tuple[str, ...]:
    seen = tuple(disease for disease in diseases if disease in candidates)
    if not seen:
        return diseases
    for disease in diseases:
        if disease not in seen:
            name = kg.nodes.filter(id=disease)["name"][0]
            notices.append(
                f"the model has not seen {name} ({disease}), which the patient has: no drug is"
                " sought for it, but it counts for what speaks against one"
            )
    return seen
