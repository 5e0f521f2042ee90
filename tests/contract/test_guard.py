"""Queries can't write, whatever they are dressed as, and whatever only reads is answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from medkg.core.errors import StoreError
from medkg.graph.store import Store, connect
from medkg.graph.store.guard import masked_literals, names_in, plan_of, refuse_changes

from ..graph.graphs import small
from ..servers import EVERYTHING, change

QUERIES = Path(__file__).parent / "queries"


def queries(name: str) -> list[str]:
    """The queries of a file: a JSON string a line, in which nothing is hidden."""
    lines = (QUERIES / f"{name}.jsonl").read_text(encoding="ascii").splitlines()
    return [json.loads(line) for line in lines]


WRITES = queries("writes")  # what would change something, or reaches beyond the graph
READS = queries("reads")
NONSENSE = queries("nonsense")  # what the guard lets through, as no server takes it

# Every word of the guard, written out once more: a word that is lost or altered there is refused
# (or allowed) here no longer.
FORBIDDEN_WORDS = (
    *("CREATE", "MERGE", "INSERT", "DELETE", "DETACH", "NODETACH", "SET", "REMOVE", "FOREACH"),
    *("DROP", "ALTER", "RENAME", "GRANT", "REVOKE", "DENY", "TERMINATE", "LOAD", "USE", "SHOW"),
)
FIRST_WORDS = ("MATCH", "OPTIONAL", "WITH", "UNWIND", "RETURN", "CALL")
PLAN_WORDS = ("EXPLAIN", "PROFILE")
READING_PROCEDURES = (
    "db.index.fulltext.queryNodes",
    "db.index.fulltext.queryRelationships",
    "db.index.vector.queryNodes",
    "db.index.vector.queryRelationships",
    "db.info",
    "db.labels",
    "db.ping",
    "db.propertyKeys",
    "db.relationshipTypes",
    "db.schema.nodeTypeProperties",
    "db.schema.relTypeProperties",
    "db.schema.visualization",
    "dbms.components",
)
FUNCTION_NAMESPACES = (
    *("date", "datetime", "localdatetime", "time", "localtime", "duration"),
    *("point", "vector", "char"),
)
FORBIDDEN_FUNCTIONS = ("eval", "file")

# What stands before a word that makes it a name of the query's own: a property, a label, a
# parameter.
NAMES = [
    "n.{}",
    "`n`.{}",
    "n . {}",
    "n /* of */ . // of\n {}",
    "nodes(p)[0].{}",
    "head(nodes(p)).{}",
    "{{a: 1}}.{}",
    "n {{.{}}}",
    "n {{.id, .{}}}",
    "${}",
    "n:{}",
    "'{}'",
    '"{}"',
    "`{}`",
    "1 /* {} */",
    "1 // {}\n",
]

# Each differs from a read in one thing, and so is refused for that alone.
NEARLY_READS = [
    ("", "^the query is empty$"),
    ("  // nothing\n", "the query is empty"),
    ("EXPLAIN", "begins with .*, not with ''"),
    ("EXPLAIN EXPLAIN RETURN 1", "not with 'EXPLAIN'"),
    ("FINISH", "not with 'FINISH'"),
    ("RETURN 1; RETURN 2", "^a second statement is not allowed; send one at a time$"),
    ("RETURN 1;;", "a second statement is not allowed"),
    ("RETURN 1 \r", "can't be read from"),
    ("RETURN 'x", "can't be read from \"'x\" on: a quotation mark or comment"),
    ('RETURN "x', "can't be read from"),
    ("RETURN `x", "can't be read from"),
    ("RETURN /* x", "can't be read from '/\\* x' on"),
    ("RETURN 1 \\ 2", "can't be read from"),
    ("RETURN '\\u0041'", r"\\u is not allowed in a query: write the character"),
    ("RETURN '\\U00000041'", r"\\u is not allowed in a query"),
    ("RETURN 1x", "1 runs into 'x'; put a space"),
    ("RETURN 12e3f", "12e3 runs into 'f'"),
    ("RETURN 1x10", "1 runs into 'x10'"),
    ("CALL", "CALL  is not allowed"),
    ("CALL db.labels.x()", "CALL db.labels.x is not allowed"),
    ("CALL `db`.`labels`.`x`()", "CALL db.labels.x is not allowed"),
    ("CALL db.label()", "CALL db.label is not allowed"),
    ("CALL labels()", "CALL labels is not allowed"),
    ("CALL ()", None),
    ("RETURN apoc.x.y(1)", r"apoc.x.y\(\) is not allowed: query runs only Cypher's own functions"),
    ("RETURN `apoc`.`x`(1)", r"apoc.x\(\) is not allowed"),
    ("RETURN.x(1)", r"return.x\(\) is not allowed"),
    ("RETURN db.label(1)", r"db.label\(\) is not allowed"),
    ("RETURN db.createLabel(1)", r"db.createlabel\(\) is not allowed"),
    ("RETURN x.date(1)", r"x.date\(\) is not allowed"),
    ("RETURN x.date.y(1)", r"x.date.y\(\) is not allowed"),
    ("RETURN dates.truncate(1)", r"dates.truncate\(\) is not allowed"),
    ("RETURN n.eval (1)", r"n.eval\(\) is not allowed"),
    ("RETURN 1 AS x, 2.SET", "SET is not allowed"),
    ("RETURN 'a'.SET", "SET is not allowed"),
    ("RETURN n AS SET", "SET is not allowed"),
]


def schema(store: Store) -> list[object]:
    """Labels, relationship types and indexes of the server."""
    on = store.connection
    if on.is_neo4j():
        shown = on.change("SHOW INDEXES YIELD name, state RETURN name, state")
        indexes = [str(row) for row in shown]
        return [sorted(on.labels()), sorted(on.relationship_types()), sorted(indexes)]
    assert store.server is not None
    file = store.server.folder / "databases" / "kg" / "schema.json"
    return [sorted(on.labels()), sorted(on.relationship_types()), file.read_bytes()]


def content(store: Store) -> list[str]:
    rows = "MATCH (n) RETURN labels(n), properties(n)", "MATCH ()-[r]->() RETURN properties(r)"
    return [",".join(sorted(str(row) for row in store.connection.rows(query))) for query in rows]


@pytest.fixture(scope="module", params=["embedded", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def filled(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A server with the small graph, for all these tests."""
    with connect(request.getfixturevalue(f"{request.param}_uri")) as opened:
        opened.write(small())
        yield opened
        change(opened, EVERYTHING)


@pytest.mark.parametrize("word", FORBIDDEN_WORDS)
def test_a_forbidden_word_is_refused_wherever_it_stands(word: str) -> None:
    message = f"^{word} is not allowed: query only reads .a name that reads so goes in backquotes.$"
    for cypher in (
        f"{word} n",
        f"EXPLAIN {word} n",
        f"PROFILE {word} n",
        f"MATCH (n) {word} n RETURN n",
        f"MATCH (n) WITH n\n{word.lower()} n RETURN n",
        f"MATCH (n) {word.title()} n",
        f"MATCH (n) CALL {{ WITH n {word} n }} RETURN n",
        f"RETURN 'a'{word} n",
        f"RETURN n, {word}",
        f"RETURN (n){word}",
        f"RETURN [n]{word}",
        f"RETURN {{a: n}}{word}",
        f"RETURN $n {word}",
        f"MATCH (n:Drug) {word}",
        f"RETURN 1 AS x UNION {word} n",
    ):
        with pytest.raises(StoreError, match=message):
            refuse_changes(cypher)


@pytest.mark.parametrize("word", FORBIDDEN_WORDS)
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_forbidden_word_is_allowed_as_a_name(name: str, word: str) -> None:
    for spelling in (word, word.lower()):
        refuse_changes(f"MATCH p = (n) RETURN {name.format(spelling)} AS x")
    refuse_changes(f"MATCH ({word.lower()}s) RETURN my{word}, {word}_1")


def test_forbidden_words_are_refused_by_the_store(filled: Store) -> None:
    before = content(filled), schema(filled)
    for word in FORBIDDEN_WORDS:
        for cypher in (f"{word} n", f"MATCH (n) {word.lower()} n RETURN n"):
            with pytest.raises(StoreError, match=f"{word} is not allowed: query only reads"):
                filled.query(cypher)
            with pytest.raises(StoreError, match=f"{word} is not allowed: query only reads"):
                next(filled.pages(cypher))
    assert (content(filled), schema(filled)) == before


def test_a_refusal_says_what_to_write_instead() -> None:
    for cypher, message in (
        ("", "the query is empty"),
        ("RETURN 1; RETURN 2", "a second statement is not allowed; send one at a time"),
        (
            "RETURN '\\u0041'",
            r"\u is not allowed in a query: write the character, or give the text as a parameter",
        ),
        (
            "RETURN 'abcdefghijklmnopqrstuvwxyz",
            "the query can't be read from \"'abcdefghijklmnopqrs\" on: a quotation mark or comment"
            " that isn't closed, or a character that Cypher doesn't have",
        ),
        ("RETURN 1abcdefghijklmnop", "1 runs into 'abcdefghij'; put a space"),
        ("CALL x.y()", f"CALL x.y is not allowed; a query may call {_LISTED_PROCEDURES}"),
        ("RETURN x.y()", "x.y() is not allowed: query runs only Cypher's own functions"),
    ):
        with pytest.raises(StoreError) as caught:
            refuse_changes(cypher)
        assert str(caught.value) == message


_LISTED_PROCEDURES = ", ".join(procedure.lower() for procedure in READING_PROCEDURES)


def test_the_plan_of_a_query_that_asks_for_one() -> None:
    for prefix in ("", "EXPLAIN ", " // note\n/* PROFILE */ profile\t", "Profile "):
        words = plan_of(f"{prefix}MATCH (n) RETURN n").split()
        assert words[0] == "EXPLAIN"
        assert words[-4:] == ["MATCH", "(n)", "RETURN", "n"]
        assert "PROFILE" not in " ".join(words[:-4]).upper().replace("/* PROFILE */", "")


def test_a_query_begins_with_a_word_that_reads() -> None:
    bodies = {
        "CALL": "db.labels()",
        "OPTIONAL": "MATCH (n) RETURN n",
        "UNWIND": "[1] AS x RETURN 1",
    }
    for word in FIRST_WORDS:
        for begin in (word, word.lower(), *(f"{plan} {word}" for plan in PLAN_WORDS)):
            refuse_changes(f"{begin} {bodies.get(word, '1')}")
    expected = (
        "a query begins with MATCH, OPTIONAL, WITH, UNWIND, RETURN or CALL, not with 'SELECT'"
    )
    with pytest.raises(StoreError, match=f"^{expected}$"):
        refuse_changes("select 1")


@pytest.mark.parametrize("procedure", READING_PROCEDURES)
def test_a_procedure_that_reads_may_be_called(procedure: str) -> None:
    quoted = ".".join(f"`{part}`" for part in procedure.split("."))
    for name in (procedure, procedure.lower(), procedure.replace(".", " . "), quoted):
        refuse_changes(f"CALL {name}()")
        refuse_changes(f"CALL {name} YIELD x RETURN x")
        refuse_changes(f"MATCH (n) CALL {name}(n.id) YIELD x RETURN x;")
        refuse_changes(f"RETURN {name}(1) AS x")
    with pytest.raises(StoreError, match=f"CALL x.{procedure} is not allowed"):
        refuse_changes(f"CALL x.{procedure}()")


@pytest.mark.parametrize("namespace", FUNCTION_NAMESPACES)
def test_functions_of_cyphers_own_namespaces_are_allowed(namespace: str) -> None:
    for name in (namespace, f"{namespace}.x", f"{namespace.upper()}.`x`", f"{namespace}.x.y"):
        refuse_changes(f"RETURN {name}(1) AS x")
    with pytest.raises(StoreError, match="is not allowed: query runs only Cypher's own functions"):
        refuse_changes(f"RETURN x{namespace}.x(1)")


@pytest.mark.parametrize("function", FORBIDDEN_FUNCTIONS)
def test_functions_that_reach_beyond_the_graph_are_refused(function: str) -> None:
    for name in (function, function.upper(), f"`{function}`", f"{function} /* */ "):
        with pytest.raises(StoreError, match=rf"^{function}\(\) is not allowed"):
            refuse_changes(f"RETURN 1 AS y, {name}('x') AS x")
    refuse_changes(f"RETURN my{function}(1), n.{function}, {function}")


def test_functions_that_reach_beyond_the_graph_are_refused_by_the_store(filled: Store) -> None:
    for function in FORBIDDEN_FUNCTIONS:
        with pytest.raises(StoreError, match=rf"^{function}\(\) is not allowed"):
            filled.query(f"RETURN {function}('x') AS x")


@pytest.mark.parametrize(("cypher", "message"), NEARLY_READS, ids=ascii)
def test_what_is_nearly_a_read_is_refused_for_what_is_wrong(
    cypher: str, message: str | None
) -> None:
    if message is None:
        refuse_changes(cypher)
        return
    with pytest.raises(StoreError, match=message):
        refuse_changes(cypher)


def test_masked_literals_are_texts_numbers_and_quoted_names() -> None:
    cypher = "MATCH (n:`A b` {id: 'x'}) // note\nWHERE n.age > 12 RETURN n, \"y'z\""
    masked = "MATCH ( n : ? { id : ? } ) WHERE n . age > ? RETURN n , ?"
    assert masked_literals(cypher) == (masked, ["A b", "x", "12", "y'z"])
    assert masked_literals("RETURN n") == ("RETURN n", [])
    assert masked_literals("RETURN 'x") == ("?", [])


@pytest.mark.parametrize(
    ("cypher", "labels", "types", "either"),
    [
        ("MATCH (a:A)-[r:R|S]->(:B&!C) RETURN a", "A B C", "R S", ""),
        ("MATCH p = (a:`A b`)<-[:R]-(b), (c:C:D {id: 'x:y'}) RETURN p", "A b C D", "R", ""),
        ("MATCH (a) WHERE (a:A OR a:B) AND NOT a:C RETURN a", "", "", "A B C"),
        ("MATCH (a)-[r WHERE r:R]->() WITH r AS s WHERE s:S RETURN s", "", "", "R S"),
        ("MATCH (a)-[`r`]->(b) WHERE `r`:R RETURN b", "", "", "R"),
        ("MATCH p = (a)--(b) WHERE all(x IN relationships(p) WHERE x:R) RETURN p", "", "", "R"),
        ("MATCH ()-[t:R]->(x) RETURN x UNION MATCH (x)--(t:T) RETURN x", "T", "R", ""),
        ("MATCH (a) WHERE a.name IS :: STRING RETURN {name: a}[0..1]", "", "", ""),
    ],
)
def test_names_are_of_nodes_in_parentheses_of_relationships_in_brackets_else_of_either(
    cypher: str, labels: str, types: str, either: str
) -> None:
    names = names_in(cypher)
    assert (" ".join(names.labels), " ".join(names.types)) == (labels, types)
    assert " ".join(names.either) == either


@pytest.mark.parametrize("cypher", WRITES, ids=ascii)
def test_the_guard_alone_refuses_what_could_write(cypher: str) -> None:
    with pytest.raises(StoreError):
        refuse_changes(cypher)


@pytest.mark.parametrize("cypher", READS, ids=ascii)
def test_the_guard_alone_lets_reads_through(cypher: str) -> None:
    refuse_changes(cypher)


def test_what_could_write_is_refused(filled: Store) -> None:
    before = content(filled), schema(filled), filled.read().checksum()
    for cypher in WRITES:
        with pytest.raises(StoreError):
            filled.query(cypher)
        with pytest.raises(StoreError):
            list(filled.pages(cypher))
        with pytest.raises(StoreError):
            list(filled.connection.rows(cypher))
        assert content(filled) == before[0], cypher
    assert (content(filled), schema(filled), filled.read().checksum()) == before


@pytest.mark.parametrize("cypher", NONSENSE, ids=ascii)
def test_what_no_server_takes_changes_nothing(filled: Store, cypher: str) -> None:
    before = content(filled), schema(filled)
    with pytest.raises(StoreError, match="refuses"):
        filled.query(cypher)
    assert (content(filled), schema(filled)) == before


CLAUSES = """
    CREATE; INSERT; MERGE; SET; REMOVE; DELETE; DETACH; NODETACH; FOREACH; LOAD CSV;
    IN TRANSACTIONS; CALL APOC.; CALL DBMS.; CALL DB.; CALL SQL; SQL(; CREATE INDEX;
    CREATE CONSTRAINT; CREATE DATABASE; CREATE USER; CREATE ROLE; GRANT; DENY; REVOKE; ALTER; DROP;
    RENAME; SHOW; TERMINATE; USE; EXPLAIN; PROFILE; CYPHER; START DATABASE; STOP DATABASE;
    \\U00; /*; //; `; ';\t;\u00a0;\u2028;\u3000;\ufeff; ON MATCH; ON CREATE; UNION; OPTIONAL CALL;
    EXISTS {; COUNT {; COLLECT {; UPDATE; TRUNCATE; SELECT; INSERT INTO
"""


def test_the_write_attempts_cover_every_clause_and_disguise() -> None:
    assert len(WRITES) == len(set(WRITES)) >= 400
    everything = " \n ".join(WRITES).upper()
    missing = [
        clause
        for clause in (text.strip("\n ") for text in CLAUSES.replace("; ", ";").split(";"))
        if clause and clause not in everything
    ]
    assert not missing


def test_what_only_reads_is_answered(filled: Store) -> None:
    before = content(filled), schema(filled)
    for cypher in READS:
        filled.query(cypher, set=1, create="x")
        list(filled.pages(cypher, 1, set=1, create="x"))
    assert (content(filled), schema(filled)) == before


def test_a_refusal_names_what_is_not_allowed(filled: Store) -> None:
    for cypher, message in (
        ("MATCH (n) SET n.x = 1", "SET is not allowed.*backquotes"),
        ("CALL db.createLabel('X')", "CALL db.createLabel is not allowed.*db.labels"),
        ("RETURN apoc.x.y(1)", r"apoc.x.y\(\) is not allowed"),
        ("RETURN '\\u0041'", "write the character"),
        ("RETURN 1; RETURN 2", "one at a time"),
        ("SELECT 1", "begins with MATCH.*not with 'SELECT'"),
        ("RETURN 'x", "isn't closed"),
    ):
        with pytest.raises(StoreError, match=message):
            filled.query(cypher)


def test_the_server_stops_what_the_words_let_through(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind the reading of the query there is a transaction that is never committed."""
    monkeypatch.setattr("medkg.graph.store.answers.refuse_changes", lambda cypher: None)
    before = content(filled)
    for cypher in ("CREATE (:Drug {id: 'x'})", "MATCH (n:Drug) SET n.name = 'x' RETURN n"):
        with pytest.raises(StoreError, match=r"would change|is not allowed to"):
            filled.query(cypher)
    assert content(filled) == before
