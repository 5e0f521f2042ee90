"""A server's graph read back: all of it, parts that a write needs, counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice, pairwise
from typing import Any

import polars as pl

from ...core.errors import MissingError
from ...core.han import simplified
from ...core.progress import progress
from ..edges import edges_from
from ..forget import DOCUMENT, PATIENT
from ..frames import (
    EVIDENCE,
    MERGES,
    NODES,
    PREDICTIONS,
    STRING_LIST,
    Columns,
    Source,
    conform,
    empty,
)
from ..identifiers import CURIE, compact_key_of, name_key_of, spellings_of_curie
from ..kg import KnowledgeGraph
from ..look_up import SUGGESTED, about_prefixes, check_hops, is_ordinary, may_be_meant
from ..spill import EvidenceBuffer, StoredFrame
from .alike import alike_on
from .connection import Connection, Record
from .journal import read_loads
from .names import PREDICTED, Cypher, keys

_PART = 10_000  # rows that are there as Python values at once
_AT_ONCE = 200_000  # rows of evidence that are read by one query
_FIRST_CHARACTERS = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_STEPS = {"start": pl.String, "id": pl.String, "kind": pl.String, "probability": pl.Float64}


# A name or synonym that differs in case, hyphens and blanks alone.
_OTHER_SPELLING = Cypher(
    "any(name IN [n.name] + coalesce(n.synonyms, [])"
    " WHERE replace(replace(toLower(name), '-', ''), ' ', '') = $text)"
)


def resolve(
    connection: Connection, text: str, kind: str | Sequence[str] | None = None
) -> tuple[str, str]:
    """What `Store.resolve` does."""
    wanted = [kind] if isinstance(kind, str) else list(kind or ())
    kinds = [connection.schema.kind(each).label for each in wanted]
    with connection.errors():
        there = set(connection.labels()) & set(connection.schema.kinds)
        groups = [[each] for each in kinds if each in there] if kinds else [sorted(there)]
        matches = next(filter(None, (_meant(connection, group, text) for group in groups)), [])
        if not matches:
            hint = _hint(connection, kinds, there, text)
            raise MissingError(
                f"{connection.uri} has no {' or '.join(kinds) or 'entity'} {text!r}{hint}"
            )
    if len(matches) > 1:
        listed = ", ".join(f"{id} ({label}, {name})" for label, id, name in matches[:8])
        raise MissingError(f"{text!r} may be: {listed}; give the identifier")
    return matches[0][0], matches[0][1]


def _meant(connection: Connection, labels: Iterable[str], text: str) -> list[tuple[str, str, str]]:
    """Label, identifier and name of the nodes of some labels that a text means."""
    labels = list(labels)
    for condition, value in _ways(connection, text):
        if value:  # no name means the nodes without one
            matches = [
                (label, id_, name)
                for label, id_, name in _matching(connection, labels, condition, value)
                if not is_ordinary(text) or not name.isupper()
            ]
            if matches:
                return matches
    return []


def _matching(
    connection: Connection, labels: Iterable[str], condition: Cypher, text: object
) -> Iterator[tuple[str, str, str]]:
    """Label, identifier and name of the first nodes of each label that a condition is true of."""
    for label in labels:
        for identifier, name in connection.rows(
            f"MATCH (n:{connection.names.label(label)}) WHERE {condition}"
            " RETURN n.id, n.name LIMIT 9",
            text=text,
        ):
            yield label, str(identifier), str(name)


def _ways(connection: Connection, text: str) -> Iterator[tuple[Cypher, object]]:
    """The ways in which a text may mean a node `n`, as conditions on `$text` with its value."""
    for curie in spellings_of_curie(text) if CURIE.fullmatch(text) else ():
        became = "MATCH (m:Merge {merged: $curie}) WHERE m.applied RETURN m.kept"
        yield Cypher("n.id = $text"), curie
        yield Cypher("n.id IN $text"), [row[0] for row in connection.rows(became, curie=curie)]
        yield Cypher("$text IN n.xrefs"), curie
    yield Cypher("n.name_key = $text"), name_key_of(text)
    yield Cypher("$text IN n.synonyms"), text
    yield _OTHER_SPELLING, compact_key_of(text)
    yield Cypher("$text IN n.synonyms"), simplified(text)


def _hint(connection: Connection, kinds: Sequence[str], there: Iterable[str], text: str) -> str:
    """The end of a message: what of another kind a text means, or what has a name like it."""
    # The names of patients and documents are not for everybody.
    shown = sorted({*there} - {PATIENT, DOCUMENT})
    others = [label for label in shown if label not in kinds] if kinds else []
    elsewhere = [(id_, label, name) for label, id_, name in _meant(connection, others, text)]
    searched = [label for label in shown if not kinds or label in kinds]
    hint = may_be_meant(elsewhere, alike_on(connection, searched, text, SUGGESTED), text)
    if hint or not CURIE.fullmatch(text):
        return hint
    prefixes = {
        str(prefix)
        for label in searched
        for (prefix,) in connection.rows(
            f"MATCH (n:{connection.names.label(label)}) UNWIND [n.id] + coalesce(n.xrefs, []) AS i"
            " RETURN DISTINCT split(i, ':')[0]"
        )
    }
    return about_prefixes(prefixes, text)


def read(
    connection: Connection,
    around: str | Sequence[str] | None = None,
    hops: int = 1,
    *,
    kinds: Sequence[str] | None = None,
    relations: Sequence[str] | None = None,
    min_probability: float = 0.0,
    most: int | None = None,
    predictions: bool | None = None,
) -> KnowledgeGraph:
    """What `Store.read` does."""
    texts = [around] if isinstance(around, str) else around
    predictions = texts is None if predictions is None else predictions
    if kinds is not None:
        kinds = [connection.schema.kind(kind).label for kind in kinds]
    if relations is not None:
        relations = [connection.schema.relation(relation).name for relation in relations]
    with connection.errors(), progress("Reading the graph") as advance:
        sources = read_sources(connection)
        if texts is None:
            wanted = set(connection.schema.kinds if kinds is None else kinds)
            labels = sorted(wanted.intersection(connection.labels()))
            nodes = pl.concat([empty(NODES), *(read_nodes(connection, label) for label in labels)])
            buffer = EvidenceBuffer(connection.schema)
            for part in _all_evidence(connection, relations):
                buffer.add(part)
                advance(part.height)
            edges, evidence = buffer.frames(sources)
            predicted = read_predictions(connection) if predictions else empty(PREDICTIONS)
        else:
            start = [resolve(connection, text) for text in texts]
            reached = _reached(
                connection,
                start,
                hops,
                kinds,
                _types(connection, relations, predictions),
                min_probability,
                most,
            )
            by_kind = sorted(reached.group_by("kind"))
            tables = [read_nodes(connection, str(kind), part["id"]) for (kind,), part in by_kind]
            nodes = pl.concat([empty(NODES), *tables])
            evidence = _evidence_among(connection, reached["id"]).sort("id")
            edges = edges_from(evidence, sources, connection.schema)
            predicted = (
                read_predictions(connection, of=by_kind) if predictions else empty(PREDICTIONS)
            )
        merges = read_merges(connection).drop("id")
    frames = _sorted_frames(nodes, edges, evidence, predicted, merges)
    kg = _with_known_names(KnowledgeGraph(frames, sources, connection.schema), connection)
    if texts is None and kinds is None and relations is None and not min_probability:
        return kg
    return kg.subgraph(
        nodes["id"],
        relations=relations,
        min_probability=min_probability,
        predictions=predictions,
    )


def _with_known_names(kg: KnowledgeGraph, connection: Connection) -> KnowledgeGraph:
    """The graph, if its kinds and relations are those of the schema: else no folder can hold it."""
    kg.check_names(origin=connection.uri)
    return kg


def _sorted_frames(
    nodes: pl.DataFrame,
    edges: pl.DataFrame | StoredFrame,
    evidence: pl.DataFrame | StoredFrame,
    predictions: pl.DataFrame,
    merges: pl.DataFrame,
) -> dict[str, pl.DataFrame | StoredFrame]:
    """The frames of a graph in their order; edges and evidence are in order already."""
    return {
        "nodes": nodes.sort("id"),
        "edges": edges,
        "evidence": evidence,
        "predictions": predictions.select(list(PREDICTIONS)).sort(
            "model", "head", "relation", "tail"
        ),
        "merges": merges.sort("kept", "merged", "kind", "reason"),
    }


def _types(connection: Connection, relations: Sequence[str] | None, predictions: bool) -> list[str]:
    """The relationship types to follow, of those that the server has."""
    names = list(connection.schema.relations) if relations is None else list(relations)
    predicted = [f"{PREDICTED}{name}" for name in names] if predictions else []
    return sorted({*names, *predicted} & set(connection.relationship_types()))


def _reached(
    connection: Connection,
    start: Sequence[tuple[str, str]],
    hops: int,
    kinds: Sequence[str] | None,
    types: Sequence[str],
    min_probability: float,
    most: int | None,
) -> pl.DataFrame:
    """Kind and identifier of the nodes that `KnowledgeGraph.neighbourhood` would reach."""
    reached = pl.DataFrame(start, schema=["kind", "id"], orient="row").unique()
    frontier = reached
    for _ in range(check_hops(hops) if types else 0):
        frames = [empty(_STEPS)]
        for (kind,), part in frontier.group_by("kind"):
            for left, right in ((Cypher("-"), Cypher("->")), (Cypher("<-"), Cypher("-"))):
                query = (
                    f"UNWIND $keys AS id MATCH (n:{connection.names.label(str(kind))} {{id: id}})"
                    f" MATCH (n){left}[r:{connection.names.types(types)}]{right}(m)"
                    " RETURN n.id, m.id, labels(m)[0], r.probability"
                )
                frames.append(framed(connection.looked_up(query, part["id"]), _STEPS))
        steps = pl.concat(frames).filter(
            pl.col("kind").is_in(list(connection.schema.kinds if kinds is None else kinds))
        )
        if min_probability > 0:
            steps = steps.filter(pl.col("probability") >= min_probability)
        steps = steps.sort("start", "probability", "id", descending=[False, True, False])
        if most is not None:
            steps = steps.group_by("start", maintain_order=True).head(most)
        frontier = steps.select("kind", "id").unique().join(reached, on="id", how="anti")
        reached = pl.concat([reached, frontier])
    return reached


def _evidence_among(connection: Connection, ids: pl.Series) -> pl.DataFrame:
    """All evidence both ends of which are among these nodes."""
    query = "UNWIND $keys AS id MATCH (e:Evidence {subject: id}) RETURN DISTINCT e.edge, e.object"
    about = framed(connection.looked_up(query, ids), {"edge": pl.String, "object": pl.String})
    return read_evidence(
        connection, about.filter(pl.col("object").is_in(ids.implode()))["edge"].unique()
    )


def _all_evidence(
    connection: Connection, relations: Sequence[str] | None
) -> Iterator[pl.DataFrame]:
    condition = Cypher(
        "e.checksum IS NOT NULL AND ($relations IS NULL OR e.relation IN $relations)"
    )
    return evidence_parts(connection, EVIDENCE, condition, relations=relations)


def evidence_parts(
    connection: Connection, columns: Columns, condition: Cypher, **params: object
) -> Iterator[pl.DataFrame]:
    """The evidence for which a condition on `e` holds, in frames of these columns.

    Many rows are asked for by the first character of their ids, which are hashes: the embedded
    server ends a query, reading its answer included, after `QUERY_SECONDS`.
    """
    count = int(next(connection.rows("MATCH (e:Evidence) RETURN count(e)"))[0])
    bounds = ["", *_FIRST_CHARACTERS[1:], "~"] if count > _AT_ONCE else ["", "~"]
    for first, end in pairwise(bounds):
        query = Cypher(f"MATCH (e:Evidence) WHERE e.id >= $first AND e.id < $end AND ({condition})")
        yield from read_parts(connection, query, "e", columns, first=first, end=end, **params)


def read_nodes(connection: Connection, kind: str, ids: pl.Series | None = None) -> pl.DataFrame:
    columns = [column for column in NODES if column != "kind"]
    label, returned = connection.names.label(kind), keys("n", columns)
    rows: Iterable[Record]
    if ids is None:
        rows = connection.rows(f"MATCH (n:{label}) WHERE n.checksum IS NOT NULL RETURN {returned}")
    else:
        query = f"UNWIND $keys AS id MATCH (n:{label} {{id: id}}) RETURN {returned}"
        rows = connection.looked_up(query, ids)
    frame = framed(rows, {column: NODES[column] for column in columns})
    return conform(frame.with_columns(kind=pl.lit(kind)), NODES)


def read_evidence(connection: Connection, edges: pl.Series) -> pl.DataFrame:
    """All evidence of these edges."""
    query = f"UNWIND $keys AS edge MATCH (e:Evidence {{edge: edge}}) RETURN {keys('e', EVIDENCE)}"
    return framed(connection.looked_up(query, edges), EVIDENCE)


def read_merges(connection: Connection) -> pl.DataFrame:
    """The records of merging, with their ids."""
    columns = {"id": pl.String, **MERGES}
    query = Cypher("MATCH (n:Merge) WHERE n.checksum IS NOT NULL")
    return pl.concat(read_parts(connection, query, "n", columns))


def read_merge_ends(connection: Connection) -> pl.DataFrame:
    """The records of merging, without what the nodes were before."""
    columns = {name: dtype for name, dtype in MERGES.items() if name != "was"}
    query = Cypher("MATCH (n:Merge) WHERE n.checksum IS NOT NULL")
    return pl.concat(read_parts(connection, query, "n", columns))


def read_sources(connection: Connection) -> list[Source]:
    columns = list(Source.__dataclass_fields__)
    # A Source of somebody else's, on a server that holds other things too, has no checksum.
    query = f"MATCH (n:Source) WHERE n.checksum IS NOT NULL RETURN {keys('n', columns)}"
    return sorted(Source(*row) for row in connection.rows(query))


def read_predictions(
    connection: Connection,
    models: list[str] | None = None,
    of: Sequence[tuple[tuple[object, ...], pl.DataFrame]] | None = None,
) -> pl.DataFrame:
    """The predictions there, with id, checksum and kinds of the ends (`_head`, `_tail`).

    Args:
        models: only of these models.
        of: only those of heads of these kinds and identifiers.
    """
    values = [name for name in PREDICTIONS if name not in ("head", "relation", "tail")]
    columns = {
        **dict.fromkeys(("head", "_head", "tail", "_tail"), pl.String),
        **{name: PREDICTIONS[name] for name in values},
        "id": pl.String,
        "checksum": pl.Int64,
    }
    returned = Cypher(
        "RETURN h.id, labels(h)[0], t.id, labels(t)[0], " + keys("p", (*values, "id", "checksum"))
    )
    types = set(connection.relationship_types())
    parts = [empty({**PREDICTIONS, **columns})]
    for name in connection.schema.relations:
        if f"{PREDICTED}{name}" not in types:
            continue
        pattern = Cypher(f"-[p:{connection.names.type_(PREDICTED + name)}]->(t)")
        if of is None:
            query = f"MATCH (h){pattern} WHERE $models IS NULL OR p.model IN $models {returned}"
            frames = [framed(connection.rows(query, models=models), columns)]
        else:
            frames = []
            for (kind,), part in of:
                head = connection.names.label(str(kind))
                query = f"UNWIND $keys AS id MATCH (h:{head} {{id: id}}){pattern} {returned}"
                frames.append(framed(connection.looked_up(query, part["id"]), columns))
        parts += [part.with_columns(relation=pl.lit(name)) for part in frames]
    return pl.concat(parts, how="diagonal")


def holds_predictions(connection: Connection, relations: Iterable[str]) -> bool:
    """What `Store.holds_predictions` does."""
    with connection.errors():
        there = set(connection.relationship_types())
        known = sorted(set(relations) & set(connection.schema.relations))
        types = [f"{PREDICTED}{name}" for name in known if f"{PREDICTED}{name}" in there]
        if not types:
            return False
        query = f"MATCH ()-[p:{connection.names.types(types)}]->() RETURN 1 LIMIT 1"
        return bool(connection.fetch(query))


def info(connection: Connection) -> dict[str, Any]:
    """What `Store.info` does."""

    def count(type_: str) -> int:
        query = f"MATCH ()-[r:{connection.names.type_(type_)}]->() RETURN count(r)"
        return int(next(connection.rows(query))[0])

    with connection.errors():
        labels, types = set(connection.labels()), set(connection.relationship_types())
        kinds = {k: connection.count(k) for k in connection.schema.kinds if k in labels}
        relations = {r: count(r) for r in connection.schema.relations if r in types}
        predicted = {
            r: count(PREDICTED + r)
            for r in connection.schema.relations
            if f"{PREDICTED}{r}" in types
        }
        by_source = connection.rows("MATCH (e:Evidence) RETURN e.source, count(e)")
        evidence = dict(sorted(((s, int(n)) for s, n in by_source), key=lambda row: -row[1]))
        return {
            "uri": connection.uri,
            "server": connection.agent(),
            "nodes": sum(kinds.values()),
            "edges": sum(relations.values()),
            "evidence": sum(evidence.values()),
            "predictions": sum(predicted.values()),
            "kinds": {k: n for k, n in kinds.items() if n},
            "relations": {r: n for r, n in relations.items() if n},
            "evidence_by_source": evidence,
            "sources": [asdict(source) for source in read_sources(connection)],
            "loads": read_loads(connection),
        }


def read_parts(
    connection: Connection, query: Cypher, variable: str, columns: Columns, **params: object
) -> Iterator[pl.DataFrame]:
    """The nodes that a query's variable matches, as frames of these columns; an empty one first."""
    yield empty(columns)
    rows = connection.rows(f"{query} RETURN {keys(variable, columns)}", **params)
    while part := list(islice(rows, _PART)):
        yield _with_lists(pl.DataFrame(part, schema=dict(columns), orient="row"))


def framed(rows: Iterable[Record], columns: Columns) -> pl.DataFrame:
    """Rows as a frame, made in parts, so that they are never all there as Python values."""
    rows = iter(rows)
    frames = [pl.DataFrame(schema=columns)]
    while part := list(islice(rows, _PART)):
        frames.append(pl.DataFrame(part, schema=columns, orient="row"))
    return _with_lists(pl.concat(frames))


def _with_lists(rows: pl.DataFrame) -> pl.DataFrame:
    """Empty lists where there are none: Neo4j's importer can't make one, and leaves it out."""
    return rows.with_columns(pl.col(STRING_LIST).fill_null(pl.lit([], dtype=STRING_LIST)))
