"""What a server holds about an entity: facts with evidence, hypotheses, and how it is found.

    with medkg.connect("embedded:server") as store:
        entities.search(store, "warfarin")
        entities.facts(store, "Drug", "drugbank:DB00682")

Each function takes `private`, whether patients, documents and what was read in one may be seen.
Without, they are left out: nodes of the kinds Patient and Document, evidence that has a document
or a sentence, edges that no other evidence asserts, and what models say for their predictions, who
may have it of such edges. The other nodes are seen, whoever named them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from medkg.access import Connection
from medkg.core.errors import MissingError
from medkg.core.han import simplified
from medkg.graph.document_readings import OF_TEXTS
from medkg.graph.edges import edges_from
from medkg.graph.forget import PATIENT
from medkg.graph.frames import EVIDENCE, Columns, empty
from medkg.graph.identifiers import name_key_of
from medkg.graph.languages import name_property
from medkg.graph.store.alike import alike_on
from medkg.graph.store.guard import names_in
from medkg.graph.store.names import (
    PREDICTED,
    Cypher,
    curated_count,
    key,
    keys,
    read_nowhere,
)
from medkg.graph.store.read import read_sources

if TYPE_CHECKING:
    from medkg.cypher.library import Query

PRIVATE_KINDS = (PATIENT, "Document")

_CANDIDATES = 300  # of a kind, that a search ranks
_SUGGESTED = 8
_TRIED = 6  # entities of a like name, by which a question without rows is asked again
_PREDICTED_BY = {"TREATS": "recommend", "HAS_DISEASE": "diagnose"}  # commands; others by predict

MATCHES = dict.fromkeys(("kind", "id", "name", "matched"), pl.String)
FACTS: Columns = {
    "relation": pl.String,
    "outgoing": pl.Boolean,
    "kind": pl.String,
    "id": pl.String,
    "name": pl.String,
    "probability": pl.Float64,
    "evidence_count": pl.Int64,
    "sources": pl.List(pl.String),
    "edge": pl.String,
    "count": pl.Int64,
}
HYPOTHESES: Columns = {
    "relation": pl.String,
    "outgoing": pl.Boolean,
    "kind": pl.String,
    "id": pl.String,
    "name": pl.String,
    "probability": pl.Float64,
    "rank": pl.Int64,
    "direction": pl.String,
    "model": pl.String,
    "known": pl.Boolean,
    "explanation": pl.String,
    "count": pl.Int64,
}


def holds_patients(store: Connection) -> bool:
    """Whether the server has a patient or a document, so that not everybody may see all of it."""
    there = set(PRIVATE_KINDS) & set(store.connection.labels())
    with store.connection.errors():
        return any(store.connection.count(kind) for kind in sorted(there))


def kinds(store: Connection, *, private: bool) -> list[str]:
    """The kinds of which the server has nodes, in the schema's order."""
    with store.connection.errors():
        there = set(store.connection.labels())
    hidden = () if private else PRIVATE_KINDS
    return [kind for kind in store.schema.kinds if kind in there and kind not in hidden]


def count(store: Connection, kind: str, *, private: bool) -> int:
    """How many nodes of a kind there are that may be seen."""
    with store.connection.errors():
        everything = store.connection.count(kind)
    if private or not everything:
        return everything
    label = store.connection.names.label(kind)
    query = f"MATCH (n:{label}) WHERE n.id STARTS WITH $of_texts RETURN count(n) AS hidden"
    return everything - int(store.query(query, of_texts=OF_TEXTS)["hidden"][0])


def search(
    store: Connection,
    text: str,
    *,
    kind: str | None = None,
    most: int = 30,
    private: bool,
) -> pl.DataFrame:
    """The entities that a text may mean: by identifier, name, synonym or cross-reference.

    Returns:
        `kind`, `id`, `name`, and `matched`: the name or identifier that the text is like. Those
        first whose name the text is, then those whose name begins with it. Where nothing has the
        text in a name, the names that are most like it.
    """
    text = simplified(" ".join(text.split()))
    searched = [each for each in kinds(store, private=private) if kind in (None, each)]
    if not text:
        return empty(MATCHES)
    candidates = [row for each in searched for row in _candidates(store, each, text, private)]
    if not candidates:
        with store.connection.errors():
            near = alike_on(store.connection, searched, text, _SUGGESTED)
        near = near.filter(private | ~pl.col("id").str.starts_with(OF_TEXTS))
        return near.rename({"alike": "matched"}).head(most)
    key = name_key_of(text)
    candidates.sort(key=lambda row: _closeness(row, text, key))
    rows = {(row["kind"], row["id"]): row for row in reversed(candidates)}
    ordered = list(reversed(list(rows.values())))[:most]
    return pl.DataFrame(ordered, schema=MATCHES)


def _candidates(store: Connection, kind: str, text: str, private: bool) -> list[dict[str, Any]]:
    """The nodes of a kind that have a text in their identifier, a name or a cross-reference."""
    query = (
        f"MATCH (n:{store.connection.names.label(kind)})"
        " WHERE ($private OR NOT n.id STARTS WITH $of_texts)"
        " AND (n.id = $text OR $text IN n.xrefs OR $text IN n.aliases"
        # Of signs alone no key is left, and every name has nothing in it.
        " OR ($key <> '' AND (n.name_key CONTAINS $key"
        " OR any(s IN coalesce(n.synonyms, []) WHERE toLower(s) CONTAINS $lower))))"
        " RETURN n.id AS id, n.name AS name, n.synonyms AS synonyms,"
        " $text IN coalesce(n.xrefs, []) OR $text IN coalesce(n.aliases, []) AS referred"
        " ORDER BY size(n.name), n.id LIMIT $most"
    )
    given = {"text": text, "key": name_key_of(text), "lower": text.lower(), "most": _CANDIDATES}
    rows = store.query(query, **given, private=private, of_texts=OF_TEXTS)
    return [
        {"kind": kind, "id": row["id"], "name": row["name"], "matched": _matched(row, text)}
        for row in rows.iter_rows(named=True)
    ]


def _matched(row: dict[str, Any], text: str) -> str:
    """The name or identifier of a candidate that the text is in."""
    if row["id"] == text or row["referred"]:
        return text
    key = name_key_of(text)
    if key in name_key_of(row["name"]):
        return str(row["name"])
    like = [name for name in row["synonyms"] or () if text.lower() in name.lower()]
    return min(like, key=len, default=str(row["name"]))


def _closeness(row: dict[str, Any], text: str, key: str) -> tuple[object, ...]:
    """A key that puts those first that a text most likely means."""
    matched = name_key_of(row["matched"])
    return (
        row["matched"] != text and row["id"] != text,
        matched != key,
        not matched.startswith(key),
        row["matched"] != row["name"],
        len(matched),
        row["id"],
    )


def answer_in(language: str, store: Connection, rows: pl.DataFrame) -> pl.DataFrame:
    """An answer of the query library, its entities by their names in a language.

    Those of the columns `X_name` beside the identifiers in `X`; who has no name in it stays as is.

    Raises:
        MissingError: no names are kept in the language.
    """
    named = [
        column
        for column in rows.columns
        if f"{column}_name" in rows.columns and rows.schema[column] == pl.String
    ]
    property_ = key(name_property(language))
    names: dict[str, str] = {}
    ids = sorted({id_ for column in named for id_ in rows[column].drop_nulls()})
    for kind in kinds(store, private=False) if ids else ():
        label = store.connection.names.label(kind)
        query = (
            f"MATCH (n:{label}) WHERE n.id IN $ids AND n.{property_} IS NOT NULL"
            f" RETURN n.id AS id, n.{property_} AS name"
        )
        names |= dict(store.query(query, ids=ids).iter_rows())
    return rows.with_columns(
        pl.col(column)
        .replace_strict(names, default=pl.col(f"{column}_name"), return_dtype=pl.String)
        .alias(f"{column}_name")
        for column in named
    )


def entity(store: Connection, kind: str, identifier: str, *, private: bool) -> dict[str, Any]:
    """A node: `kind`, `id`, `name`, `synonyms`, `xrefs`, `aliases`, `properties` (JSON).

    Raises:
        MissingError: there is none, or it may not be seen.
    """
    is_hidden = not private and identifier.startswith(OF_TEXTS)
    if is_hidden or kind not in kinds(store, private=private):
        raise MissingError(f"the server has no {kind} that you may see")
    columns = ("id", "name", "synonyms", "xrefs", "aliases", "properties")
    query = (
        f"MATCH (n:{store.connection.names.label(kind)} {{id: $id}}) RETURN {keys('n', columns)}"
    )
    rows = store.query(query, id=identifier)
    if rows.is_empty():
        raise MissingError(f"the server has no {kind} {identifier!r}")
    values = dict(zip(columns, rows.row(0), strict=True))
    lists = {name: values[name] or [] for name in ("synonyms", "xrefs", "aliases")}
    return {"kind": kind, **values, **lists}


def names_meant(store: Connection, meant: Mapping[str, tuple[str, str]]) -> list[str]:
    """What texts were taken for, each in a line, where a text is not itself the name or identifier.

    Args:
        meant: kind and identifier of what each text means, see `medkg.cypher.Query.entities`.
    """
    lines = []
    for text, (kind, identifier) in meant.items():
        name = _name(store, kind, identifier)
        if text != identifier and name_key_of(text) != name_key_of(name):
            lines.append(f"{text} is {name} ({kind}, {identifier})")
    return lines


def _name(store: Connection, kind: str, identifier: str) -> str:
    label = store.connection.names.label(kind)
    named = store.query(f"MATCH (n:{label} {{id: $id}}) RETURN n.name AS name", id=identifier)
    return str(named["name"][0])


def why_no_answer(store: Connection, question: Query, **params: object) -> list[str]:
    """What helps where a question of the library has no rows, each in a line.

    Entities with a name like a given one's for which it has rows, of its own kind or another; kinds
    and relations that it names and the server has none of; and, of a question about predictions,
    whether the server holds any.

    Args:
        params: what the question was asked with.
    """
    lines = list(_near_answers(store, question, params))
    if missing := _not_there(store, question):
        lines.append(f"the graph has none of what the question names: {', '.join(missing)}")
    if question.predicted and store.holds_predictions(question.predicted):
        needs = f"medkg query {question.name} --list says what it goes by"
        lines.append(f"no prediction that the server holds meets the question; {needs}")
    elif question.predicted:
        relations = " or ".join(question.predicted)
        command = _PREDICTED_BY.get(question.predicted[0], "predict")
        needs = f"medkg {command} … --into writes some"
        lines.append(f"the server holds no predictions of {relations}: {needs}")
    return lines


def _not_there(store: Connection, question: Query) -> list[str]:
    """The kinds and relations of the schema that a question names and the server has none of."""
    with store.connection.errors():
        there = {*store.connection.labels(), *store.connection.relationship_types()}
    missing = {*store.schema.kinds, *store.schema.relations} - there
    named = names_in(question.cypher)
    return [name for name in (*named.labels, *named.types) if name in missing]


def _near_answers(
    store: Connection, question: Query, params: Mapping[str, object]
) -> Iterator[str]:
    """Of each entity of a question those of a like name that it has rows for, in place of it."""
    meant = question.entities(store, **params)
    for parameter in question.parameters:
        text = str(params.get(parameter.name) or "").strip()
        if parameter.type != "identifier" or text not in meant:
            continue
        kind, identifier = meant[text]
        visible = kinds(store, private=False)
        labels = [label for label in visible if label in (parameter.kinds or visible)]
        name = _name(store, kind, identifier)
        text_name = name if text == identifier else text
        with store.connection.errors():
            near = alike_on(store.connection, labels, text_name, _TRIED)
        with_rows = [
            f"{row['name']} ({row['kind']}, {row['id']})"
            for row in near.filter(pl.col("id") != identifier).iter_rows(named=True)
            if _may_mean_one(text_name, row["alike"])
            and question.run(store, **{**params, parameter.name: row["id"]}).height
        ]
        if with_rows:
            taken = f"{name} ({kind}, {identifier})"
            yield f"no rows for {taken}, but for {', '.join(with_rows)}"


def _may_mean_one(name: str, other: str) -> bool:
    """Whether the longer name has all words of the shorter, or their plurals.

    Wolman is no spelling of Wilson.
    """
    words = [
        {word.removesuffix("s") for word in name_key_of(text).split()} for text in (name, other)
    ]
    shorter, longer = sorted(words, key=len)
    return shorter <= longer


def facts(
    store: Connection,
    kind: str,
    identifier: str,
    *,
    relation: str | None = None,
    most: int = 10,
    private: bool,
) -> pl.DataFrame:
    """The edges of an entity, the most probable first.

    Args:
        relation: only this one.
        most: how many of each relation and direction; `count` says how many there are.

    Returns:
        `FACTS`: `relation`, whether it is `outgoing`, the other end, the edge's `probability`,
        number of pieces of evidence, `sources` and identifier. Without `private`, these are what
        the evidence that may be seen makes of the edge.
    """
    count = Cypher("r.evidence_count") if private else curated_count("r")
    kept = Cypher(f"AND r.evidence_count IS NOT NULL WITH r, m, {count} AS pieces WHERE pieces > 0")
    values = Cypher(
        "evidence_count: pieces, sources: r.sources, edge: r.id,"
        " is_mixed: pieces < r.evidence_count"
    )
    # What is curated of an edge may change its place, so all are needed before the first are taken.
    most_read = most if private else None
    rows = _edges(store, kept, values, kind, identifier, relation, most_read, private=private)
    frame = pl.DataFrame(rows, schema={**FACTS, "is_mixed": pl.Boolean})
    return _arranged(_as_curated(store, frame), most).select(list(FACTS))


def _as_curated(store: Connection, facts: pl.DataFrame) -> pl.DataFrame:
    """Facts that not all evidence may be seen of, with what the rest makes of them."""
    mixed = facts.filter("is_mixed")["edge"].to_list()
    if not mixed:
        return facts
    with store.connection.errors():
        sources = read_sources(store.connection)
    edges = edges_from(evidence(store, mixed, private=False), sources, store.schema)
    made = edges.select("probability", "sources", edge="id")
    return facts.join(made, on="edge", how="left", suffix="_curated").with_columns(
        pl.coalesce(f"{name}_curated", name).alias(name) for name in ("probability", "sources")
    )


def hypotheses(
    store: Connection, kind: str, identifier: str, *, most: int = 10, private: bool
) -> pl.DataFrame:
    """What models predict of an entity, the most probable first.

    Returns:
        `HYPOTHESES`: `relation`, whether the entity is its head (`outgoing`), the other end,
        `probability`, `rank` and what was ranked (`direction`), `model`, whether the graph holds
        the pair already (`known`), the model's `explanation` (JSON or text); `count` says how many
        there are of the relation and direction. Without `private`, a pair is known if the graph
        holds it by evidence that may be seen, and nothing is explained.
    """
    curated = Cypher(
        "EXISTS { MATCH (n)-[fact]-(m) WHERE type(r) = $predicted + type(fact)"
        " AND (startNode(fact) = startNode(r) OR type(fact) IN $symmetric)"
        f" AND {curated_count('fact')} > 0 }}"
    )
    known = Cypher("r.known") if private else curated
    explanation = Cypher("r.explanation") if private else Cypher("null")
    kept = Cypher(
        f"AND r.model IS NOT NULL WITH r, m, {known} AS known, {explanation} AS explanation"
    )
    values = Cypher(
        "rank: r.rank, direction: r.direction, model: r.model, known: known,"
        " explanation: explanation"
    )
    rows = _edges(store, kept, values, kind, identifier, None, most, private=private)
    frame = _arranged(pl.DataFrame(rows, schema=HYPOTHESES), most)
    return frame.with_columns(pl.col("relation").str.strip_prefix(PREDICTED))


def _edges(
    store: Connection,
    kept: Cypher,
    values: Cypher,
    kind: str,
    identifier: str,
    relation: str | None,
    most: int | None,
    *,
    private: bool,
) -> list[dict[str, Any]]:
    """The relationships `r` of a node, with the other end `m`, that a condition and clauses keep.

    `kept` begins with AND; what it makes beside the two may be in the values.

    A symmetric relation's count as outgoing, wherever they begin.
    """
    label = store.connection.names.label(kind)
    rows: list[dict[str, Any]] = []
    symmetric = [name for name, each in store.schema.relations.items() if each.symmetric]
    hidden = [] if private else list(PRIVATE_KINDS)
    given = {"id": identifier, "relation": relation, "most": most, "hidden": hidden}
    given |= {"private": private, "of_texts": OF_TEXTS}
    counts: Counter[tuple[str, bool]] = Counter()
    for left, right in ((Cypher("-"), Cypher("->")), (Cypher("<-"), Cypher("-"))):
        query = (
            f"MATCH (n:{label} {{id: $id}}){left}[r]{right}(m)"
            " WHERE ($relation IS NULL OR type(r) = $relation)"
            " AND ($private OR NOT m.id STARTS WITH $of_texts)"
            f" AND NOT labels(m)[0] IN $hidden {kept}"
            " WITH *, type(r) AS relation"
            " ORDER BY coalesce(r.probability, -1.0) DESC, m.name, m.id"
            " WITH relation, count(*) AS count, collect({kind: labels(m)[0], id: m.id,"
            f" name: m.name, probability: r.probability, {values}}}) AS rows"
            " RETURN relation, count, rows[..coalesce($most, count)] AS rows"
        )
        answer = store.query(query, **given, predicted=PREDICTED, symmetric=symmetric)
        for group in answer.iter_rows(named=True):
            name = group["relation"]
            outgoing = left == "-" or name.removeprefix(PREDICTED) in symmetric
            counts[name, outgoing] += group["count"]
            rows += [{**row, "relation": name, "outgoing": outgoing} for row in group["rows"]]
    return [{**row, "count": counts[row["relation"], row["outgoing"]]} for row in rows]


def _arranged(rows: pl.DataFrame, most: int) -> pl.DataFrame:
    """Rows by relation and direction, at most so many of each; those without a probability last."""
    order = ("relation", "outgoing", "probability", "name", "id")
    return (
        rows.sort(*order, descending=[False, True, True, False, False], nulls_last=True)
        .group_by("relation", "outgoing", maintain_order=True)
        .head(most)
        .select(rows.columns)
    )


def evidence(store: Connection, edges: Sequence[str], *, private: bool) -> pl.DataFrame:
    """All evidence of some edges, negated and hypothetical statements included.

    Returns:
        `medkg.graph.frames.EVIDENCE`, the most probable first; without `private`, none that was
        read in a document or has a sentence.
    """
    query = (
        "UNWIND $edges AS edge MATCH (e:Evidence {edge: edge})"
        f" WHERE $private OR {read_nowhere('e')} RETURN {keys('e', EVIDENCE)}"
        " ORDER BY e.probability DESC, e.source, e.id"
    )
    given = {"edges": list(edges), "private": private}
    rows = store.query(query, **given) if edges else pl.DataFrame()
    if rows.is_empty():
        return empty(EVIDENCE)
    return pl.DataFrame(rows.rows(), schema=EVIDENCE, orient="row")
