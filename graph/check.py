"""What a careful reader would find wrong with a graph, with counts and examples."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import polars as pl

from ..core.atomic import atomic_file
from ..core.errors import DataError
from ..core.progress import track
from .frames import EVIDENCE_VALUES, asserts_edge
from .identifiers import NO_CURIE, normalise_curies
from .kg import KnowledgeGraph
from .obsolete import current_ids
from .similar_names import similar_names
from .units import is_unit

EXAMPLES = 5


@dataclass(frozen=True)
class Finding:
    """One kind of doubt: how many there are, what it means, the first few, and what mends it.

    `fix` says what `medkg.graph.clean.fix` does about it; it is empty where a person must decide.
    """

    name: str
    count: int
    meaning: str
    examples: tuple[str, ...]
    fix: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The finding for JSON."""
        return asdict(self)


def check(kg: KnowledgeGraph, *, report: Path | str | None = None) -> list[Finding]:
    """All findings that the graph has, the checks in a fixed order; none for a spotless graph.

    The frames are read a part at a time and only the columns that a check needs, so a graph may be
    larger than the memory; and also one whose files somebody else has made or changed.

    Args:
        report: a file to write with every row of every finding, as JSON lines: `finding`, and the
            columns that show what it is about.

    Raises:
        DataError: a frame lacks a column, or its file can't be read.
    """
    findings = []
    with _report(report) as file:
        for doubt in track(_CHECKS, "check"):
            try:
                doubtful = doubt.find(kg).collect(engine="streaming")
            except (pl.exceptions.PolarsError, OSError) as error:
                raise DataError(f"the graph can't be read ({doubt.name}): {error}") from error
            if doubtful.is_empty():
                continue
            doubtful = doubtful.sort(doubtful.columns)
            examples = tuple(map(_example, doubtful.head(EXAMPLES).iter_rows()))
            findings.append(
                Finding(doubt.name, doubtful.height, doubt.meaning, examples, doubt.fix)
            )
            if file is not None:
                for row in doubtful.iter_rows(named=True):
                    file.write(json.dumps({"finding": doubt.name, **row}, ensure_ascii=False))
                    file.write("\n")
    return findings


def _example(row: tuple[Any, ...]) -> str:
    """A row on one line, its values told apart even where one is a name of several words."""
    values = [str(value) for value in row if value is not None]
    return (" | " if any(" " in value for value in values) else " ").join(values)


@contextmanager
def _report(path: Path | str | None) -> Iterator[TextIO | None]:
    if path is None:
        yield None
        return
    with atomic_file(path) as draft, draft.open("w", encoding="utf-8") as file:
        yield file


# Nodes


def _unknown_kinds(kg: KnowledgeGraph) -> pl.LazyFrame:
    known = pl.col("kind").is_in(list(kg.schema.kinds)).fill_null(False)
    return kg.scan("nodes").filter(~known).select("id", "kind")


def _twice(kg: KnowledgeGraph) -> pl.LazyFrame:
    rows = kg.scan("nodes").group_by("id").agg(rows=pl.len(), kinds=pl.col("kind").unique().sort())
    return rows.filter(pl.col("rows") > 1).select("id", "rows", pl.col("kinds").list.join(" "))


def _identifiers(kg: KnowledgeGraph) -> pl.DataFrame:
    """Each node's identifier, what it should be, and why it can't be (nulls where it is right)."""
    nodes = kg.scan("nodes").select("id", "kind").collect()
    # What merging makes of an identifier that two kinds have.
    own = nodes.select(pl.col("id").str.strip_suffix(pl.concat_str(pl.lit("#"), "kind")))
    curies, reasons = normalise_curies(own.to_series())
    return nodes.select("id", curie=curies, reason=reasons, own=own.to_series())


def _malformed(kg: KnowledgeGraph) -> pl.LazyFrame:
    return _identifiers(kg).lazy().filter(pl.col("reason").is_not_null()).select("id", "reason")


def _other_spelling(kg: KnowledgeGraph) -> pl.LazyFrame:
    found = _identifiers(kg).select("id", "own", "curie")
    xrefs = kg.scan("nodes").select(pl.col("xrefs").explode().drop_nulls().unique()).collect()
    curies, _ = normalise_curies(xrefs["xrefs"])
    found = pl.concat([found, xrefs.select(id="xrefs", own="xrefs", curie=curies)])
    return found.lazy().filter(pl.col("curie") != pl.col("own")).select("id", standard="curie")


def _obsolete(kg: KnowledgeGraph) -> pl.LazyFrame:
    return (
        current_ids([kg])
        .lazy()
        .join(kg.scan("nodes"), left_on=["old", "kind"], right_on=["id", "kind"], how="semi")
        .select(obsolete="old", current="new")
    )


def _isolated(kg: KnowledgeGraph) -> pl.LazyFrame:
    evidence = kg.scan("evidence")
    ends = pl.concat([evidence.select(id="subject"), evidence.select(id="object")]).unique()
    return kg.scan("nodes").select("id", "name").join(ends, on="id", how="anti")


def _nameless(kg: KnowledgeGraph) -> pl.LazyFrame:
    named = ~pl.col("kind").is_in(["Patient", "Document"])
    nameless = (
        pl.col("name").is_null() | (pl.col("name") == pl.col("id")) | (pl.col("name_key") == "")
    )
    return kg.scan("nodes").filter(named & nameless).select("id")


def _same_name(kg: KnowledgeGraph) -> pl.LazyFrame:
    return (
        kg.scan("nodes")
        .filter(~pl.col("kind").is_in(["Patient", "Document"]), pl.col("name_key") != "")
        .group_by("kind", "name_key")
        .agg(pl.col("id").unique().sort())
        .filter(pl.col("id").list.len() > 1)
        .select("kind", "name_key", ids=pl.col("id").list.join(" "))
    )


def _near_name(kg: KnowledgeGraph) -> pl.LazyFrame:
    return similar_names(kg.scan("nodes").select("id", "kind", "name", "name_key").collect()).lazy()


def _held_back(kg: KnowledgeGraph) -> pl.LazyFrame:
    held = ~pl.col("applied") & (pl.col("reason") != "undone")
    return kg.scan("merges").filter(held).select("kept", "merged", "reason")


def _not_carried_out(kg: KnowledgeGraph) -> pl.LazyFrame:
    done = kg.scan("merges").filter("applied").select("kept", "merged", "reason")
    return done.join(kg.scan("nodes"), left_on="merged", right_on="id", how="semi")


# Evidence and edges


def _unknown_relations(kg: KnowledgeGraph) -> pl.LazyFrame:
    known = pl.col("relation").is_in(list(kg.schema.relations)).fill_null(False)
    return kg.scan("evidence").filter(~known).select("subject", "relation", "object", "id")


def _with_kinds(kg: KnowledgeGraph) -> pl.LazyFrame:
    """Evidence with the kinds of its ends, null where an end is no node."""
    kinds = kg.scan("nodes").select("id", "kind").unique("id")
    evidence = kg.scan("evidence").select("subject", "relation", "object", "id")
    return evidence.join(
        kinds.rename({"id": "subject", "kind": "head"}), on="subject", how="left"
    ).join(kinds.rename({"id": "object", "kind": "tail"}), on="object", how="left")


def _dangling(kg: KnowledgeGraph) -> pl.LazyFrame:
    dangling = pl.any_horizontal(pl.col("head", "tail").is_null())
    return _with_kinds(kg).filter(dangling).select("subject", "relation", "object", "id")


def _wrong_ends(kg: KnowledgeGraph) -> pl.LazyFrame:
    joins = [(r.name, *pair) for r in kg.schema.relations.values() for pair in r.joins]
    allowed = pl.LazyFrame(joins, schema=["relation", "head", "tail"], orient="row")
    return (
        _with_kinds(kg)
        .filter(
            pl.all_horizontal(pl.col("head", "tail").is_not_null()),
            pl.col("relation").is_in(list(kg.schema.relations)),
        )
        .join(allowed, on=["relation", "head", "tail"], how="anti")
        .select("subject", "head", "relation", "object", "tail", "id")
    )


def wrong_values() -> dict[str, pl.Expr]:
    """For columns of evidence, whether a row has a value that there can't be; never null."""
    tests = {
        **{name: ~pl.col(name).is_in(list(values)) for name, values in EVIDENCE_VALUES.items()},
        "probability": ~pl.col("probability").is_between(0, 1) | pl.col("probability").is_nan(),
    }
    return {name: test.fill_null(True) for name, test in tests.items()}


def _out_of_range(kg: KnowledgeGraph) -> pl.LazyFrame:
    """Evidence with a value that it can't have."""
    wrong = wrong_values()
    names = (pl.when(test).then(pl.lit(name)) for name, test in wrong.items())
    return (
        kg.scan("evidence")
        .filter(pl.any_horizontal(wrong.values()))
        .select(
            "subject",
            "relation",
            "object",
            "id",
            wrong=pl.concat_str(names, separator=" ", ignore_nulls=True),
        )
    )


def _undeclared(kg: KnowledgeGraph) -> pl.LazyFrame:
    declared = pl.col("source").is_in([source.name for source in kg.sources]).fill_null(False)
    return kg.scan("evidence").filter(~declared).group_by("source").agg(evidence=pl.len())


def _evidence_twice(kg: KnowledgeGraph) -> pl.LazyFrame:
    # Identifiers alone, in order: a grouping of ten million texts takes several times the memory.
    ids = kg.scan("evidence").select("id").collect(engine="streaming")["id"]
    ids = ids if ids.is_sorted() else ids.sort()
    again = ids.filter((ids == ids.shift()).fill_null(False)).unique()
    return (
        kg.scan("evidence")
        .select("subject", "relation", "object", "id")
        .filter(pl.col("id").is_in(again.implode()))
        if again.len()
        else again.to_frame().lazy()
    )


def _out_of_step(kg: KnowledgeGraph) -> pl.LazyFrame:
    """Edges whose number of pieces of evidence isn't the edge's own."""
    counted = kg.scan("evidence").filter(asserts_edge(), pl.col("polarity") == "asserted")
    edges = kg.scan("edges").select("id", "evidence_count")
    # Sums of hashes first, for which nothing must be held: they agree in a graph that is in step.
    said = counted.select(pl.len(), pl.col("edge").hash().sum().alias("hash"))
    held = edges.select(
        pl.col("evidence_count").sum().cast(pl.UInt32).alias("len"),
        (pl.col("id").hash() * pl.col("evidence_count").cast(pl.UInt64)).sum().alias("hash"),
    )
    one, other = pl.collect_all([said, held], engine="streaming")
    if one.equals(other):
        return edges.clear()
    pieces = counted.group_by(id="edge").agg(pieces=pl.len())
    return (
        edges.join(pieces, on="id", how="full", coalesce=True)
        .filter(~pl.col("evidence_count").eq_missing(pl.col("pieces")))
        .select("id", "evidence_count", "pieces")
    )


def _edge_probability(kg: KnowledgeGraph) -> pl.LazyFrame:
    wrong = ~pl.col("probability").is_between(0, 1).fill_null(False)
    shown = pl.col("probability").fill_nan(None)
    return kg.scan("edges").filter(wrong).select("subject", "relation", "object", shown)


def _no_document(kg: KnowledgeGraph) -> pl.LazyFrame:
    unnamed = (pl.col("level") == "text-mined") & pl.col("document").is_null()
    without = unnamed & (pl.col("references").list.len() == 0).fill_null(True)
    return kg.scan("evidence").filter(without).select("subject", "relation", "object", "source")


def _no_release(kg: KnowledgeGraph) -> pl.LazyFrame:
    without = pl.col("release").is_null() | (pl.col("release") == "")
    return kg.scan("evidence").filter(without).group_by("source").agg(evidence=pl.len())


def _unknown_units(kg: KnowledgeGraph) -> pl.LazyFrame:
    units = (
        kg.scan("evidence")
        .filter(pl.col("qualifiers").str.contains('"unit"', literal=True))
        .select("relation", unit=pl.col("qualifiers").str.json_path_match("$.unit"))
        .group_by("relation", "unit")
        .agg(evidence=pl.len())
        .collect(engine="streaming")
    )
    given = set(units["unit"].drop_nulls()) - {"null"}  # how polars gives JSON's null
    unknown = [unit for unit in given if not is_unit(unit)]
    return units.lazy().filter(pl.col("unit").is_in(unknown))


def _no_unit(kg: KnowledgeGraph) -> pl.LazyFrame:
    value, unit = (pl.col("qualifiers").str.json_path_match(f"$.{n}") for n in ("value", "unit"))
    number = value.cast(pl.Float64, strict=False).is_not_null()
    return (
        kg.scan("evidence")
        .filter(pl.col("qualifiers").str.contains('"value"', literal=True))
        .filter(number & (unit.is_null() | unit.is_in(["", "null"])))
        .group_by("relation", "object")
        .agg(evidence=pl.len())
    )


# Contradictions


def _contraindicated_treatment(kg: KnowledgeGraph) -> pl.LazyFrame:
    triples = kg.scan("edges").select("subject", "relation", "object")
    treats = triples.filter(pl.col("relation").is_in(["TREATS", "PALLIATES"]))
    against = triples.filter(pl.col("relation") == "CONTRAINDICATED_FOR")
    return treats.join(against, on=["subject", "object"], how="semi")


def _denied(kg: KnowledgeGraph) -> pl.LazyFrame:
    denials = kg.scan("evidence").filter(
        pl.col("polarity") == "negated",
        pl.col("certainty") == "certain",
        pl.col("experiencer") == "patient",
        pl.col("temporality") == "current",
    )
    edges = kg.scan("edges").join(denials, left_on="id", right_on="edge", how="semi")
    return edges.select("subject", "relation", "object")


def _present_and_absent(kg: KnowledgeGraph) -> pl.LazyFrame:
    edges = kg.scan("edges").select("subject", "relation", "object")
    has = edges.filter(pl.col("relation") == "HAS_PHENOTYPE")
    lacks = edges.filter(pl.col("relation") == "LACKS_PHENOTYPE")
    return has.join(lacks, on=["subject", "object"], how="semi").select("subject", "object")


def _self_loops(kg: KnowledgeGraph) -> pl.LazyFrame:
    loops = pl.col("subject") == pl.col("object")
    return kg.scan("edges").filter(loops).select("subject", "relation")


def _circles(kg: KnowledgeGraph) -> pl.LazyFrame:
    """The SUBCLASS_OF edges that lead back to where they start."""
    import networkx as nx

    edges = (
        kg.scan("edges")
        .filter(pl.col("relation") == "SUBCLASS_OF", pl.col("subject") != pl.col("object"))
        .select("subject", "object")
        .collect(engine="streaming")
    )
    # An edge that no edge leads to, or that leads to none, is in no circle; nor is one that then
    # becomes such an edge. Of a hierarchy without circles nothing is left.
    rows = -1
    while edges.height != rows:
        rows = edges.height
        above, below = edges.select(subject="object"), edges.select(object="subject")
        edges = edges.join(above, on="subject", how="semi", maintain_order="left")
        edges = edges.join(below, on="object", how="semi", maintain_order="left")
    components = nx.strongly_connected_components(nx.DiGraph(edges.iter_rows()))
    component = {node: number for number, nodes in enumerate(components) for node in nodes}
    in_circle = [component[subject] == component[object_] for subject, object_ in edges.iter_rows()]
    return edges.lazy().filter(pl.Series(in_circle, dtype=pl.Boolean))


# Predictions


def _uncalibrated(kg: KnowledgeGraph) -> pl.LazyFrame:
    wrong = ~pl.col("probability").is_between(0, 1).fill_null(False)
    return kg.scan("predictions").filter(wrong).select("head", "relation", "tail", "model")


def _about_nothing(kg: KnowledgeGraph) -> pl.LazyFrame:
    predictions = kg.scan("predictions").select("head", "relation", "tail", "model")
    nodes = kg.scan("nodes")
    return pl.concat(
        predictions.join(nodes, left_on=end, right_on="id", how="anti") for end in ("head", "tail")
    ).unique()


class _Check(NamedTuple):
    name: str
    meaning: str
    find: Callable[[KnowledgeGraph], pl.LazyFrame]
    fix: str = ""


_ASIDE = "set aside"
_CHECKS = (
    # Contradictions are for a person to decide.
    _Check(
        "treatment that is contraindicated",
        "a drug treats a disease that it is also contraindicated for",
        _contraindicated_treatment,
    ),
    _Check("asserted and denied", "evidence says it, other evidence says it is not so", _denied),
    _Check(
        "phenotype present and absent",
        "a patient both has and lacks a phenotype",
        _present_and_absent,
    ),
    _Check("circle of subclasses", "SUBCLASS_OF that leads back to where it starts", _circles),
    # Nodes
    _Check(
        "malformed identifier",
        f"not what its source's identifiers look like, or {NO_CURIE}",
        _malformed,
        f"what is {NO_CURIE} is {_ASIDE} with its evidence",
    ),
    _Check(
        "identifier in another spelling",
        "the prefix or form of a node's, or a cross-reference, isn't the standard one",
        _other_spelling,
        "spelt as the standard",
    ),
    _Check(
        "obsolete identifier",
        "another node's `replaces` names it",
        _obsolete,
        "it and its evidence move to the current one; merges records it",
    ),
    _Check(
        "unknown kind", "the schema has no such kind", _unknown_kinds, f"{_ASIDE} with evidence"
    ),
    _Check(
        "identifier there twice",
        "several nodes have it",
        _twice,
        "united where they are of one kind; of others the first stays",
    ),
    _Check("isolated node", "no evidence speaks of it", _isolated, "left out only if asked"),
    _Check("node without a name", "its identifier stands for its name", _nameless),
    _Check(
        "same name, several nodes", "may be one thing that no cross-reference joins", _same_name
    ),
    _Check(
        "nearly the same name",
        "may be one thing: other order or number of words, or one letter",
        _near_name,
    ),
    _Check("equivalence not applied", "a cross-reference that merging held back", _held_back),
    _Check(
        "merge not carried out",
        "recorded as having become another node, yet it is one",
        _not_carried_out,
    ),
    # Evidence and edges
    _Check("unknown relation", "the schema has no such relation", _unknown_relations, _ASIDE),
    _Check("dangling end", "evidence about what is no node", _dangling, _ASIDE),
    _Check("ends of the wrong kinds", "the relation doesn't join these", _wrong_ends, _ASIDE),
    _Check(
        "value out of range",
        "a probability, level, polarity, … that evidence can't have",
        _out_of_range,
        f"{_ASIDE}; what is missing is filled in",
    ),
    _Check(
        "evidence there twice",
        "several pieces have one identifier",
        _evidence_twice,
        "the latest release's stays",
    ),
    _Check(
        "edge out of step",
        "its count isn't that of its evidence, or one of them is missing",
        _out_of_step,
        "edges are made anew from the evidence",
    ),
    _Check(
        "edge probability out of range",
        "not between 0 and 1",
        _edge_probability,
        "edges are made anew from the evidence",
    ),
    _Check(
        "edge to itself",
        "both ends are one node, often after merging",
        _self_loops,
        f"evidence whose ends merging has made one is {_ASIDE}",
    ),
    _Check(
        "undeclared source",
        "the graph's sources, with their licences, lack it",
        _undeclared,
        "declared with an unknown licence",
    ),
    _Check("evidence without a release", "can't be traced to a version of its source", _no_release),
    _Check(
        "text-mined without a document",
        "no document and no reference says where it was read",
        _no_document,
    ),
    _Check(
        "unknown unit", "its values can't be compared with those in other units", _unknown_units
    ),
    _Check("value without a unit", "a number that may be of any unit, or of none", _no_unit),
    # Predictions
    _Check("prediction without a probability", "a score that was never calibrated", _uncalibrated),
    _Check("prediction about no node", "an end is not in the graph", _about_nothing, _ASIDE),
)
