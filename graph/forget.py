"""Removing a source, a document or a patient from a graph, and all that follows from it.

Edges come from evidence, so what is forgotten is evidence:

- A source: all its evidence, and its entry among the sources.
- A document: the evidence that was read in it and the evidence about it. A curated statement that
  only cites it among its references is the curator's and stays.
- A patient: the evidence about it, every row that names it, and the documents that mention this
  patient and no other (a note), with everything that these say.

Then the edges are removed that nothing else supports (those that stay are combined anew), the nodes
that the forgotten evidence named and no other evidence names, the predictions about such nodes or
explained by what was removed, and the records of merging that name them. A node that no forgotten
evidence names stays, unless no source is left.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import polars as pl

from ..core.atomic import atomic_file
from ..core.errors import DataError
from ..core.json_reading import parse_json, parse_object
from .frames import EVIDENCE, STRING_LIST, empty
from .identifiers import CURIE
from .kg import KnowledgeGraph
from .spill import EvidenceBuffer

PATIENT, DOCUMENT, MENTIONS = "Patient", "Document", "MENTIONS"
MOLECULE = "Molecule"  # what a generator wrote
ENDS = ("subject", "object", "document")

_LISTED = 20

Ids = str | Sequence[str]


@dataclass
class ForgetSummary:
    """How many rows of each sort went.

    Attributes:
        edges_changed: edges that stay on the evidence of others, combined anew.
        nodes_changed: nodes that stay and named a forgotten patient among their properties.
        documents: documents that went with a patient.
        shared: documents that mention a forgotten patient and others too; what they say of others
            stays.
        unknown: what was asked to be forgotten and is not there.
    """

    evidence: int = 0
    edges: int = 0
    edges_changed: int = 0
    nodes: int = 0
    nodes_changed: int = 0
    predictions: int = 0
    merges: int = 0
    sources: int = 0
    documents: list[str] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, object]:
        """As plain values, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [
            f"evidence: {self.evidence:,} removed",
            f"edges: {self.edges:,} removed, {self.edges_changed:,} combined anew",
            f"nodes: {self.nodes:,} removed, {self.nodes_changed:,} changed",
            f"predictions: {self.predictions:,} removed",
            f"merges: {self.merges:,} removed",
            f"sources: {self.sources:,} removed",
        ]
        for title, ids in (
            ("documents that went with their patient", self.documents),
            ("documents about other patients too, kept for these", self.shared),
            ("not there", self.unknown),
        ):
            if ids:
                more = f" and {len(ids) - _LISTED:,} more" if len(ids) > _LISTED else ""
                lines.append(f"{title}: {', '.join(ids[:_LISTED])}{more}")
        return "\n".join(lines)


@dataclass(frozen=True)
class ForgetRequest:
    """What to forget: sources by name, documents, and `private`: patients and their documents.

    Of `models`, by name, the predictions.
    """

    sources: frozenset[str]
    documents: frozenset[str]
    private: frozenset[str]
    models: frozenset[str]

    @classmethod
    def of(cls, source: Ids, document: Ids, patient: Ids, model: Ids = ()) -> ForgetRequest:
        """What the caller names; one string is one name."""
        names = (source, document, patient, model)
        request = cls(*(frozenset([x] if isinstance(x, str) else x) for x in names))
        if not (request.sources | request.documents | request.private | request.models):
            raise DataError("nothing to forget; give a source, a document, a patient or a model")
        # What names a patient is looked for in all texts, where a "1" would be everywhere.
        for ids, example in ((request.documents, "PMID:1"), (request.private, "patient:1")):
            for id in sorted(ids):
                if not CURIE.fullmatch(id):
                    raise DataError(
                        f"{id!r} is no identifier; give it whole, as in {example};"
                        " nothing was forgotten"
                    )
        return request

    @property
    def ids(self) -> frozenset[str]:
        """Identifiers of the nodes asked for."""
        return self.documents | self.private

    def check(self, kinds: Mapping[str, str]) -> None:
        """Raise a DataError if an identifier is a node of another kind (`kinds` by identifier)."""
        for ids, kind in ((self.documents, DOCUMENT), (self.private, PATIENT)):
            for id in sorted(ids):
                if kinds.get(id, kind) != kind:
                    raise DataError(f"{id} is a {kinds[id]}, not a {kind}; nothing was forgotten")

    def with_merged(self, merges: pl.DataFrame) -> ForgetRequest:
        """With every identifier that merging joined to one of these."""

        def joined(ids: frozenset[str]) -> frozenset[str]:
            while True:
                rows = merges.filter(
                    pl.col("applied"), pl.col("kept").is_in(ids) | pl.col("merged").is_in(ids)
                )
                more = ids.union(rows["kept"], rows["merged"])
                if more == ids:
                    return ids
                ids = more

        return replace(self, documents=joined(self.documents), private=joined(self.private))

    def with_private(self, documents: Iterable[str]) -> ForgetRequest:
        """With the documents of the patients."""
        return replace(self, private=self.private.union(documents))

    def wanted(self, evidence: pl.DataFrame) -> pl.Expr:
        """Which rows of evidence are to go."""
        ids = sorted(self.documents)
        return (
            pl.any_horizontal(
                pl.col("source").is_in(sorted(self.sources)),
                *(pl.col(end).is_in(ids) for end in ENDS),
            )
            | naming(evidence, self.private)
        ).fill_null(False)


def forget(
    kg: KnowledgeGraph,
    *,
    source: Ids = (),
    document: Ids = (),
    patient: Ids = (),
    model: Ids = (),
) -> tuple[KnowledgeGraph, ForgetSummary]:
    """The graph without a source, a document or a patient (or several), and what went.

    Args:
        source: names of sources, as `kg.sources` has them.
        document: identifiers of documents, as `PMID:1` or `note:x`.
        patient: identifiers of patients, as `patient:x`; those that merging gave it or took from
            it are the same patient.
        model: names of models, as `kg.predictions` has them: their predictions go.

    Raises:
        DataError: nothing is asked for, or something that is no identifier, or that is a node of
            another kind or was joined to one.

    Example:
        >>> kg = medkg.merge(medkg.load("starter"), medkg.load("common"))
        >>> kg, summary = medkg.forget(kg, source="common")
        >>> summary.evidence, [source.name for source in kg.sources]
        (5789, ['starter'])
    """
    request = ForgetRequest.of(source, document, patient, model)
    of_others = kg.predictions.filter(~pl.col("model").is_in(sorted(request.models)))
    n_forgotten = kg.predictions.height - of_others.height
    unknown = request.models - {*kg.predictions["model"]}
    kg, summary = kg.with_frames(predictions=of_others), ForgetSummary()
    if request.sources or request.ids:
        kg, summary = _forget_evidence(kg, request)
    left = without_unpredicted(kg)
    summary.nodes += kg.nodes.height - left.nodes.height
    summary.predictions += n_forgotten
    summary.unknown = sorted([*summary.unknown, *unknown])
    return left, summary


def without_unpredicted(kg: KnowledgeGraph) -> KnowledgeGraph:
    """A graph without generated molecules that no prediction is about.

    Nothing else can be said of them.
    """
    molecules = kg.nodes.filter(kind=MOLECULE)["id"]
    unpredicted = molecules.filter(~molecules.is_in(kg.predictions["head"].implode()))
    if unpredicted.is_empty():
        return kg
    return kg.with_frames(nodes=kg.nodes.filter(~pl.col("id").is_in(unpredicted.implode())))


def _forget_evidence(
    kg: KnowledgeGraph, named: ForgetRequest
) -> tuple[KnowledgeGraph, ForgetSummary]:
    """Forget sources, documents and patients; see `forget`."""
    request = named.with_merged(kg.merges)
    named_nodes = kg.nodes.filter(pl.col("id").is_in(sorted(request.ids)))
    request.check(dict(named_nodes.select("id", "kind").iter_rows()))
    documents, shared = _documents_of_patients(kg, request)
    request = request.with_private(documents)
    sources = [each for each in kg.sources if each.name not in request.sources]

    removed = _evidence_to_remove(kg, request)
    remaining, unnamed_nodes = _remaining_evidence(kg, removed)
    edges, evidence = remaining.frames(sources)
    removed_nodes = pl.concat([unnamed_nodes if sources else kg.nodes["id"], texts(request.ids)])
    nodes = kg.nodes.filter(~pl.col("id").is_in(removed_nodes.unique().implode()))
    cleaned = without_names(nodes, request.private)
    frames = {
        "nodes": nodes.update(cleaned, on="id", include_nulls=True),
        "edges": edges,
        "evidence": evidence,
        "predictions": kg.predictions,
        "merges": kg.merges.filter(~merges_of(kg.merges, removed_nodes, request.private)),
    }
    after = KnowledgeGraph(frames, sources, kg.schema)

    is_touched = pl.col("id").is_in(removed["edge"].unique().implode())
    edges_before, edges_after = (g.scan("edges").filter(is_touched).collect() for g in (kg, after))
    removed_edges = edges_before.join(edges_after, on="id", how="anti")["id"]
    predictions = _remaining_predictions(kg, request, removed, removed_nodes, removed_edges)
    summary = ForgetSummary(
        evidence=removed.height,
        edges=removed_edges.len(),
        edges_changed=changed(edges_before, edges_after).height,
        nodes=kg.nodes.height - nodes.height,
        nodes_changed=cleaned.height,
        predictions=kg.predictions.height - predictions.height,
        merges=kg.merges.height - after.merges.height,
        sources=len(kg.sources) - len(sources),
        documents=documents,
        shared=shared,
        unknown=_unknown(kg, named, removed),
    )
    return after.with_frames(predictions=predictions), summary


def _unknown(kg: KnowledgeGraph, named: ForgetRequest, removed: pl.DataFrame) -> list[str]:
    """What is named and the graph doesn't have."""
    known = {each.name for each in kg.sources}.union(
        kg.nodes["id"], kg.merges["merged"], ends(removed), removed["source"]
    )
    return sorted((named.sources | named.ids) - known)


def _documents_of_patients(
    kg: KnowledgeGraph, request: ForgetRequest
) -> tuple[list[str], list[str]]:
    """The documents that mention only patients to forget; and those that mention others too."""
    evidence = kg.scan("evidence")
    mentions = evidence.filter(
        pl.col("relation") == MENTIONS, pl.col("object").is_in(sorted(request.private))
    )
    documents = mentions.select("subject").unique().collect()["subject"].to_list()
    statements = evidence.filter(
        pl.col("document").is_in(documents) | pl.col("subject").is_in(documents)
    )
    patients = kg.nodes.filter(kind=PATIENT)["id"]
    shared = documents_of_others(
        statements.select(ENDS).collect(), documents, patients, request.private
    )
    return sorted(set(documents) - shared), sorted(shared)


def _evidence_to_remove(kg: KnowledgeGraph, request: ForgetRequest) -> pl.DataFrame:
    """The evidence to forget: `id`, `edge`, `source` and the nodes that it names."""
    columns = {name: EVIDENCE[name] for name in ("id", "edge", "source", *ENDS)}
    batches = (batch.filter(request.wanted(batch)) for batch in kg.batches("evidence"))
    return pl.concat([empty(columns), *(batch.select(list(columns)) for batch in batches)])


def _remaining_evidence(
    kg: KnowledgeGraph, removed: pl.DataFrame
) -> tuple[EvidenceBuffer, pl.Series]:
    """The evidence that stays; and the nodes that only the evidence to forget names."""
    unnamed_nodes = ends(removed)
    buffer = EvidenceBuffer(kg.schema)
    for batch in kg.batches("evidence"):
        remaining = batch.join(removed.select("id"), on="id", how="anti", maintain_order="left")
        unnamed_nodes = unnamed(unnamed_nodes, remaining)
        buffer.add(remaining)
    return buffer, unnamed_nodes


def _remaining_predictions(
    kg: KnowledgeGraph,
    request: ForgetRequest,
    removed: pl.DataFrame,
    removed_nodes: pl.Series,
    removed_edges: pl.Series,
) -> pl.DataFrame:
    """The predictions that neither are about what was removed, nor cite it, nor name a patient."""
    ids = removed_nodes.unique().implode()
    about = pl.col("head").is_in(ids) | pl.col("tail").is_in(ids)
    cited = pl.concat([removed_nodes, removed_edges, removed["id"]])
    return kg.predictions.filter(
        ~(about | citing(kg.predictions, cited) | naming(kg.predictions, request.private))
    )


def forget_in_folder(
    path: Path | str,
    *,
    source: Ids = (),
    document: Ids = (),
    patient: Ids = (),
    model: Ids = (),
) -> ForgetSummary:
    """Forget in a graph folder, which is replaced at once, and in the quarantine beside it.

    Raises:
        DataError: as `forget`, or no graph folder.
    """
    path = Path(path)
    kg = KnowledgeGraph.open(path)
    after, summary = forget(kg, source=source, document=document, patient=patient, model=model)
    # The graph last: after an interruption, the same command finds the same documents again.
    ids = identifiers(kg, document=document, patient=patient)
    aside = path.with_name(f"{path.name}.quarantine.jsonl")
    if ids and aside.exists():
        drop_lines(aside, ids)
    after.save(path)
    return summary


def identifiers(kg: KnowledgeGraph, *, document: Ids = (), patient: Ids = ()) -> frozenset[str]:
    """Documents and patients with all that names them in a graph.

    That is: what merging joined to them, and the documents that are about these patients alone.
    """
    request = ForgetRequest.of((), document, patient) if document or patient else None
    if request is None:
        return frozenset()
    request = request.with_merged(kg.merges)
    return request.ids.union(_documents_of_patients(kg, request)[0])


def drop_lines(file: Path, ids: Iterable[str]) -> None:
    """Take the lines that name an identifier out of a file of text."""
    names = re.compile(pattern_of(ids))
    with (
        # What isn't UTF-8 comes back as it was.
        file.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines,
        atomic_file(file) as draft,
        draft.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as kept,
    ):
        kept.writelines(line for line in lines if not names.search(line))


# What follows from evidence that goes


def texts(values: Iterable[str]) -> pl.Series:
    """Texts as a column."""
    return pl.Series(sorted(values), dtype=pl.String)


def ends(evidence: pl.DataFrame) -> pl.Series:
    """The nodes that evidence names: its ends and its documents."""
    return pl.concat([evidence[end] for end in ENDS]).drop_nulls().unique()


def unnamed(nodes: pl.Series, evidence: pl.DataFrame) -> pl.Series:
    """Those of the nodes that the evidence doesn't name."""
    return nodes.filter(~nodes.is_in(ends(evidence).implode()))


def documents_of_others(
    statements: pl.DataFrame, documents: Iterable[str], patients: pl.Series, private: frozenset[str]
) -> set[str]:
    """Those of the documents that name a patient who is not to be forgotten."""
    others = set(patients) - private
    shared = statements.filter(pl.col("subject").is_in(others) | pl.col("object").is_in(others))
    return {*shared["document"], *shared["subject"]} & set(documents)


def changed(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """The edges of both that are not as they were."""
    both = after.join(before, on="id", suffix="_before")
    differs = pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(f"{name}_before")) for name in after.columns if name != "id"
    )
    return both.filter(differs).select(after.columns)


def spellings(ids: Iterable[str]) -> list[str]:
    """The identifiers as texts and JSON spell them."""
    return sorted({spelling for id in ids for spelling in (id, json.dumps(id)[1:-1])})


def pattern_of(ids: Iterable[str]) -> str:
    """What finds one of the identifiers in a text, JSON included, and none of a longer one."""
    any_id = "|".join(map(re.escape, spellings(ids)))
    return rf"(?:^|[^\w.-])(?:{any_id})[.:#-]*(?:[^\w.:#-]|$)"


def naming(frame: pl.DataFrame, ids: Iterable[str]) -> pl.Expr:
    """Which rows name one of the identifiers in any of their texts."""
    ids = list(ids)
    if not ids:
        return pl.lit(False)
    columns = [
        pl.col(name) if dtype == pl.String else pl.col(name).list.join("\n", ignore_nulls=True)
        for name, dtype in frame.schema.items()
        if dtype in (pl.String, STRING_LIST)
    ]
    matches = (column.str.contains(pattern_of(ids)) for column in columns)
    return pl.any_horizontal(matches).fill_null(False)


def citing(predictions: pl.DataFrame, ids: pl.Series) -> pl.Expr:
    """Which predictions have an explanation that holds one of the ids as a value."""
    cited = pl.DataFrame(
        (
            (row, text)
            for row, explanation in enumerate(predictions["explanation"])
            if explanation is not None
            for text in _strings(parse_json(explanation))
        ),
        schema={"row": pl.UInt32, "text": pl.String},
        orient="row",
    )
    rows = cited.join(ids.unique().to_frame("text"), on="text", how="semi")["row"]
    return pl.int_range(pl.len(), dtype=pl.UInt32).is_in(rows.unique().implode())


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from _strings(member)
    elif isinstance(value, list):
        for member in value:
            yield from _strings(member)


def merges_of(merges: pl.DataFrame, nodes: pl.Series, private: frozenset[str]) -> pl.Expr:
    """Which records of merging are about one of the nodes, or name one of the patients."""
    ids = nodes.implode()
    return pl.col("kept").is_in(ids) | pl.col("merged").is_in(ids) | naming(merges, private)


def without_names(nodes: pl.DataFrame, private: frozenset[str]) -> pl.DataFrame:
    """Those of the nodes that name a patient, without what names it."""
    naming_nodes = nodes.filter(naming(nodes, private))
    if naming_nodes.is_empty():
        return naming_nodes
    names = re.compile(pattern_of(private))
    lists = {
        name: pl.Series(
            [[x for x in row if not names.search(x)] for row in naming_nodes[name]],
            dtype=STRING_LIST,
        )
        for name in ("synonyms", "xrefs")
    }
    properties = [
        text if text is None else _without_members(parse_object(text), names)
        for text in naming_nodes["properties"]
    ]
    return naming_nodes.with_columns(**lists, properties=pl.Series(properties, dtype=pl.String))


def _without_members(properties: dict[str, object], names: re.Pattern[str]) -> str | None:
    kept = {
        name: value
        for name, value in properties.items()
        if not any(names.search(text) for text in _strings({name: value}))
    }
    return json.dumps(kept, ensure_ascii=False) if kept else None
