"""What can be wrong with evidence, edges and predictions; each check gives the rows."""

from __future__ import annotations

import polars as pl

from .frames import EVIDENCE_VALUES, asserts_edge
from .kg import KnowledgeGraph
from .units import is_unit

# Evidence and edges


def unknown_relations(kg: KnowledgeGraph) -> pl.LazyFrame:
    known = pl.col("relation").is_in(list(kg.schema.relations)).fill_null(False)
    return kg.scan("evidence").filter(~known).select("subject", "relation", "object", "id")


def _with_kinds(kg: KnowledgeGraph) -> pl.LazyFrame:
    """Evidence with the kinds of its ends, null where an end is no node."""
    kinds = kg.scan("nodes").select("id", "kind").unique("id")
    evidence = kg.scan("evidence").select("subject", "relation", "object", "id")
    return evidence.join(
        kinds.rename({"id": "subject", "kind": "head"}), on="subject", how="left"
    ).join(kinds.rename({"id": "object", "kind": "tail"}), on="object", how="left")


def dangling_ends(kg: KnowledgeGraph) -> pl.LazyFrame:
    dangling = pl.any_horizontal(pl.col("head", "tail").is_null())
    return _with_kinds(kg).filter(dangling).select("subject", "relation", "object", "id")


def ends_of_wrong_kinds(kg: KnowledgeGraph) -> pl.LazyFrame:
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


def values_out_of_range(kg: KnowledgeGraph) -> pl.LazyFrame:
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


def undeclared_sources(kg: KnowledgeGraph) -> pl.LazyFrame:
    declared = pl.col("source").is_in([source.name for source in kg.sources]).fill_null(False)
    return kg.scan("evidence").filter(~declared).group_by("source").agg(evidence=pl.len())


def repeated_evidence(kg: KnowledgeGraph) -> pl.LazyFrame:
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


def outdated_edges(kg: KnowledgeGraph) -> pl.LazyFrame:
    """Edges whose number of pieces of evidence isn't the edge's own."""
    counted = kg.scan("evidence").filter(asserts_edge(), pl.col("polarity") == "asserted")
    edges = kg.scan("edges").select("id", "evidence_count")
    # Sums of hashes first, for which nothing must be held: they agree in a graph that is in step.
    asserted = counted.select(pl.len(), pl.col("edge").hash().sum().alias("hash"))
    recorded = edges.select(
        pl.col("evidence_count").sum().cast(pl.UInt32).alias("len"),
        (pl.col("id").hash() * pl.col("evidence_count").cast(pl.UInt64)).sum().alias("hash"),
    )
    asserted_sums, recorded_sums = pl.collect_all([asserted, recorded], engine="streaming")
    if asserted_sums.equals(recorded_sums):
        return edges.clear()
    pieces = counted.group_by(id="edge").agg(pieces=pl.len())
    return (
        edges.join(pieces, on="id", how="full", coalesce=True)
        .filter(~pl.col("evidence_count").eq_missing(pl.col("pieces")))
        .select("id", "evidence_count", "pieces")
    )


def edge_probabilities_out_of_range(kg: KnowledgeGraph) -> pl.LazyFrame:
    wrong = ~pl.col("probability").is_between(0, 1).fill_null(False)
    shown = pl.col("probability").fill_nan(None)
    return kg.scan("edges").filter(wrong).select("subject", "relation", "object", shown)


def text_mined_without_document(kg: KnowledgeGraph) -> pl.LazyFrame:
    unnamed = (pl.col("level") == "text-mined") & pl.col("document").is_null()
    without = unnamed & (pl.col("references").list.len() == 0).fill_null(True)
    return kg.scan("evidence").filter(without).select("subject", "relation", "object", "source")


def evidence_without_release(kg: KnowledgeGraph) -> pl.LazyFrame:
    without = pl.col("release").is_null() | (pl.col("release") == "")
    return kg.scan("evidence").filter(without).group_by("source").agg(evidence=pl.len())


def unknown_units(kg: KnowledgeGraph) -> pl.LazyFrame:
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


def values_without_unit(kg: KnowledgeGraph) -> pl.LazyFrame:
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


def contraindicated_treatments(kg: KnowledgeGraph) -> pl.LazyFrame:
    triples = kg.scan("edges").select("subject", "relation", "object")
    treats = triples.filter(pl.col("relation").is_in(["TREATS", "PALLIATES"]))
    against = triples.filter(pl.col("relation") == "CONTRAINDICATED_FOR")
    return treats.join(against, on=["subject", "object"], how="semi")


def denied_edges(kg: KnowledgeGraph) -> pl.LazyFrame:
    denials = kg.scan("evidence").filter(
        pl.col("polarity") == "negated",
        pl.col("certainty") == "certain",
        pl.col("experiencer") == "patient",
        pl.col("temporality") == "current",
    )
    edges = kg.scan("edges").join(denials, left_on="id", right_on="edge", how="semi")
    return edges.select("subject", "relation", "object")


def phenotypes_present_and_absent(kg: KnowledgeGraph) -> pl.LazyFrame:
    edges = kg.scan("edges").select("subject", "relation", "object")
    has = edges.filter(pl.col("relation") == "HAS_PHENOTYPE")
    lacks = edges.filter(pl.col("relation") == "LACKS_PHENOTYPE")
    return has.join(lacks, on=["subject", "object"], how="semi").select("subject", "object")


def self_loops(kg: KnowledgeGraph) -> pl.LazyFrame:
    loops = pl.col("subject") == pl.col("object")
    return kg.scan("edges").filter(loops).select("subject", "relation")


def subclass_cycles(kg: KnowledgeGraph) -> pl.LazyFrame:
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
    graph: nx.DiGraph[str] = nx.DiGraph(edges.iter_rows())
    components = nx.strongly_connected_components(graph)
    component = {node: number for number, nodes in enumerate(components) for node in nodes}
    in_circle = [component[subject] == component[object_] for subject, object_ in edges.iter_rows()]
    return edges.lazy().filter(pl.Series(in_circle, dtype=pl.Boolean))


# Predictions


def uncalibrated_predictions(kg: KnowledgeGraph) -> pl.LazyFrame:
    wrong = ~pl.col("probability").is_between(0, 1).fill_null(False)
    return kg.scan("predictions").filter(wrong).select("head", "relation", "tail", "model")


def predictions_without_nodes(kg: KnowledgeGraph) -> pl.LazyFrame:
    predictions = kg.scan("predictions").select("head", "relation", "tail", "model")
    nodes = kg.scan("nodes")
    return pl.concat(
        predictions.join(nodes, left_on=end, right_on="id", how="anti") for end in ("head", "tail")
    ).unique()
