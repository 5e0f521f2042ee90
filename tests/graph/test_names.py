"""Names of kinds, relations and properties never become more than names in a statement."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medkg.core.errors import DataError, SchemaError
from medkg.graph.schema import Schema
from medkg.graph.store import Store, connect
from medkg.graph.store.names import Names, Quoted, key, keys, parameter

from ..contract.test_guard import content
from ..servers import change
from ..test_house import MODULES
from .graphs import small

NAMES = Names(Schema.default())
DELETES = "A]->() WITH count(*) AS c MATCH (n:Victim) DETACH DELETE n RETURN c //"
HOSTILE = [
    DELETES,
    "A`]->() WITH count(*) AS c MATCH (n:Victim) DETACH DELETE n RETURN c //",
    "A\\u0060]->() MATCH (n:Victim) DETACH DELETE n //",
    "Drug) DETACH DELETE n //",
    "TREATS|CAUSES",
    "TREATS ",
    "PREDICTED_",
    "PREDICTED_PREDICTED_TREATS",
    "",
]


def test_names_of_the_schema_are_quoted() -> None:
    assert (NAMES.label("Drug"), NAMES.label("Evidence")) == ("`Drug`", "`Evidence`")
    assert NAMES.type_("TREATS") == "`TREATS`"
    assert NAMES.type_("PREDICTED_TREATS") == "`PREDICTED_TREATS`"
    assert NAMES.types(["TREATS", "PREDICTED_CAUSES"]) == "`TREATS`|`PREDICTED_CAUSES`"
    assert NAMES.index("Drug", "name_key") == "`medkg_Drug_name_key`"
    assert keys("n", ["id", "name"]) == "n.`id`, n.`name`"
    assert (key("id"), parameter("id")) == ("`id`", "$id")
    assert all(isinstance(NAMES.label(kind), Quoted) for kind in NAMES.schema.kinds)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_of_no_schema_is_refused(name: str) -> None:
    for make in (NAMES.label, NAMES.type_, lambda n: NAMES.types(["TREATS", n])):
        with pytest.raises(SchemaError, match=r"unknown (kind|relation)"):
            make(name)
    with pytest.raises(SchemaError, match="unknown kind"):
        NAMES.index(name, "id")


@given(st.text())
def test_a_key_is_a_plain_name_or_refused(name: str) -> None:
    if name.isidentifier():
        assert key(name) == f"`{name}`"
        assert parameter(name) == f"${name}"
        assert not set("`\\ ") & set(name)
        return
    for make in (key, parameter, lambda n: keys("n", [n]), lambda n: keys(n, ["id"])):
        with pytest.raises(SchemaError, match=r"no name that a query may hold|no variable"):
            make(name)


def test_a_schema_that_takes_the_predictions_names_is_refused(
    tmp_path: Path, embedded_uri: str
) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('[relation.PREDICTED_X]\nbiolink = "x"\njoins = [["Drug", "Drug"]]\n')
    with pytest.raises(SchemaError, match="PREDICTED_X of the schema has a name"):
        connect(embedded_uri, schema=Schema.default().extended(mine))


@pytest.mark.parametrize("evidence", [True, False])
@pytest.mark.parametrize("name", HOSTILE[:4])
@pytest.mark.parametrize(
    ("frame", "column"),
    [
        ("nodes", "kind"),
        ("edges", "relation"),
        ("evidence", "relation"),
        ("predictions", "relation"),
    ],
)
def test_a_hostile_name_in_a_graph_changes_nothing(
    store: Store, frame: str, column: str, name: str, evidence: bool
) -> None:
    change(store, "CREATE (:Victim {id: 'v'})")
    before = content(store)
    graph = small().with_predictions(
        pl.DataFrame(
            {"head": "drugbank:DB00619", "relation": "TARGETS", "tail": "NCBIGene:5742"}
            | {"model": "m", "score": 0.5}
        )
    )
    rows = getattr(graph, frame).with_columns(pl.lit(name).alias(column))
    with pytest.raises((DataError, SchemaError), match=r"which the schema lacks|unknown kind"):
        store.write(graph.with_frames(**{frame: rows}), evidence=evidence)
    assert content(store) == before


def test_names_on_the_server_that_are_not_ours_harm_nothing(store: Store) -> None:
    """Labels and types of somebody else's, and evidence of a relation that nobody knows."""
    store.write(small(), prune=True)
    change(store, "MATCH (n:Drug) CREATE (n)-[:`A]-() DELETE n //`]->(:`Vic tim) //` {id: 'v'})")
    graph = small()
    half = graph.with_frames(
        evidence=graph.evidence.head(2), edges=graph.edges.head(0), nodes=graph.nodes.head(3)
    )
    store.write(half, prune=True)
    left = store.query("MATCH (n:Drug) RETURN count(n) AS n")["n"][0]
    assert left == graph.nodes.filter(kind="Drug").height  # each is held by that relationship
    assert store.read().counts["nodes"] >= left
    change(store, f"MATCH (e:Evidence) SET e.relation = '{DELETES}'")
    before = content(store)
    with pytest.raises(DataError, match=f"{store.uri}: edges have the relation"):
        store.read()
    assert content(store) == before


# The code itself: what makes statements

CYPHER = re.compile(
    r"\b(MATCH|MERGE|UNWIND|DETACH|FOREACH|YIELD|CONTAINS|IN \$|IS NULL|IS NOT NULL|STARTS WITH"
    r"|(CREATE|DROP) (\(|\{|CONSTRAINT|INDEX|EDGE TYPE)|SET \w+[ .]|DELETE \w|RETURN [\w{]"
    r"|CALL (db|\{|\())"
)
SINKS = {"rows", "fetch", "looked_up", "send", "change", "change_once", "run_sql", "tx_run"}
MAKERS = {
    *("label", "type_", "types", "index", "key", "keys", "parameter", "quoted"),
    *("read_nowhere", "curated_count"),
}
# What is handed on: `Connection` runs what its callers make; the user's own query passes the guard.
HANDED_ON = {
    ("medkg.graph.store.connection", "query"),
    ("medkg.graph.store.connection", "statement"),
    ("medkg.graph.store.answers", "cypher"),
}

UNKNOWN = ast.Set([])  # what a variable is bound to where that isn't plain to see
Scope = ast.Module | ast.FunctionDef | ast.Lambda


class Statements:
    """The expressions of a module that make statements, and whether each is made of safe parts.

    A part is safe if it is literal text, what a function of `names` gives, `Cypher(…)` of safe
    parts, or a variable that is never bound to anything else in its function.
    """

    def __init__(self, module: str, code: str):
        self.module = module
        self.tree = ast.parse(code)
        self.parents = {c: p for p in ast.walk(self.tree) for c in ast.iter_child_nodes(p)}

    @cached_property
    def trusted_types(self) -> set[str]:
        """The local names of `Quoted` and `Cypher`, where they come from `names`."""
        return {a for a in self.imported if a in ("Quoted", "Cypher")}

    @cached_property
    def imported(self) -> set[str]:
        return {
            alias.asname or alias.name
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[-1] == "names"
            for alias in node.names
        }

    def unsafe(self) -> Iterator[str]:
        """Each place where something else goes into a statement."""
        if self.module == "medkg.graph.store.names":
            return
        for node in ast.walk(self.tree):
            for expression in self._made_here(node):
                if not self._safe(expression):
                    yield f"{self.module}:{expression.lineno}: {ast.unparse(expression)[:80]}"

    def _made_here(self, node: ast.AST) -> Iterator[ast.expr]:
        if isinstance(node, ast.Call):
            name = _called(node)
            if name == "Quoted":
                yield node  # only `names` makes one
            elif name == "Cypher" and node.args:
                yield node.args[0]
            elif name in SINKS and self.module.startswith("medkg.graph.store") and node.args:
                yield node.args[name == "run_sql"]
            elif name in ("format", "replace", "join") and CYPHER.search(_literal_text(node)):
                yield node
        elif isinstance(node, ast.JoinedStr | ast.BinOp) and CYPHER.search(_literal_text(node)):
            yield node

    def _safe(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Constant):
            return isinstance(node.value, str | int)
        if isinstance(node, ast.JoinedStr):
            return all(map(self._safe, node.values))
        if isinstance(node, ast.FormattedValue):
            return node.format_spec is None and self._safe(node.value)
        if isinstance(node, ast.BinOp):
            return isinstance(node.op, ast.Add) and self._safe(node.left) and self._safe(node.right)
        if isinstance(node, ast.IfExp):
            return self._safe(node.body) and self._safe(node.orelse)
        if isinstance(node, ast.Call):
            return self._safe_call(node)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Call):
            place = ast.literal_eval(node.slice) if isinstance(node.slice, ast.Constant) else -1
            return self._gives_safe(_called(node.value), place)
        if isinstance(node, ast.Starred) and isinstance(node.value, ast.Call):
            return self._gives_safe(_called(node.value), of="list")
        return isinstance(node, ast.Name) and self._safe_name(node)

    def _safe_call(self, node: ast.Call) -> bool:
        name = _called(node)
        if name == "Cypher":
            return "Cypher" in self.imported and all(map(self._safe, node.args))
        if name == "join" and isinstance(node.func, ast.Attribute):
            return self._safe(node.func.value) and self._safe_items(node.args[0])
        if isinstance(node.func, ast.Name):
            return (name in MAKERS & self.imported) or self._gives_safe(name)
        of = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        return name in MAKERS and of.split(".")[-1] == "names"

    def _gives_safe(self, name: str, place: int | None = None, of: str = "tuple") -> bool:
        """Whether a function of this module gives `Cypher`, or has it at a place of its result."""
        results: list[ast.expr | None] = [
            node.returns
            for node in ast.walk(self.tree)
            if isinstance(node, ast.FunctionDef) and node.name == name
        ]
        if place is not None or of == "list":
            results = [
                _part(r.slice, place)
                for r in results
                if isinstance(r, ast.Subscript) and ast.unparse(r.value) == of
            ]
        return bool(results) and all(map(self._is_typed, results))

    def _is_typed(self, annotation: ast.expr | None) -> bool:
        return isinstance(annotation, ast.Name) and annotation.id in self.trusted_types

    def _safe_items(self, node: ast.expr) -> bool:
        if isinstance(node, ast.GeneratorExp | ast.ListComp):
            return self._safe(node.elt)
        if isinstance(node, ast.List | ast.Tuple):
            parts = (n.value if isinstance(n, ast.Starred) else n for n in node.elts)
            return all(self._safe_items(n) or self._safe(n) for n in parts)
        if isinstance(node, ast.Name):
            added = [
                call.args[0]
                for call in ast.walk(self._scope(node))
                if isinstance(call, ast.Call)
                and _called(call) in ("append", "insert", "extend")
                and isinstance(call.func, ast.Attribute)
                and ast.unparse(call.func.value) == node.id
            ]
            bound = list(self._bindings(node))
            return bool(bound) and all(map(self._safe_items, bound)) and all(map(self._safe, added))
        return False

    def _safe_name(self, node: ast.Name) -> bool:
        if (self.module, node.id) in HANDED_ON:
            return True
        bound = list(self._bindings(node))
        return bool(bound) and all(
            self._is_typed(value.annotation) if isinstance(value, ast.arg) else self._safe(value)
            for value in bound
        )

    def _scope(self, node: ast.AST) -> Scope:
        while not isinstance(node, Scope):
            node = self.parents[node]
        return node

    def _bindings(self, name: ast.Name) -> Iterator[ast.expr | ast.arg]:
        """All that a variable is bound to, in the innermost function that binds it."""
        scope: Scope | None = self._scope(name)
        while scope is not None:
            bound = list(self._bound_in(scope, name.id))
            if bound or isinstance(scope, ast.Module):
                yield from bound
                return
            scope = self._scope(self.parents[scope])

    def _bound_in(self, scope: Scope, name: str) -> Iterator[ast.expr | ast.arg]:
        if not isinstance(scope, ast.Module):
            yield from (
                argument for argument in ast.walk(scope.args) if _is_argument(argument, name)
            )
        for node in ast.walk(scope):
            if self._scope(node) is not scope:
                continue
            if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.NamedExpr):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    yield from _assigned(target, node.value, name)
            elif isinstance(node, ast.For | ast.comprehension):
                items: list[ast.expr | None] = [None]
                if isinstance(node.iter, ast.Tuple | ast.List):
                    items = list(node.iter.elts)
                elif isinstance(node.iter, ast.Call):
                    items = [ast.Starred(node.iter)]
                for item in items:
                    yield from _assigned(node.target, item, name)


def _part(types: ast.expr, place: int | None) -> ast.expr | None:
    """The type of the items of a list, or of the item of a tuple at this place."""
    if place is None:
        return types
    return types.elts[place] if isinstance(types, ast.Tuple) else None


def _is_argument(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.arg) and node.arg == name


def _assigned(target: ast.expr, value: ast.expr | None, name: str) -> Iterator[ast.expr]:
    """What a variable gets of an assignment."""
    if isinstance(target, ast.Name):
        if target.id == name:
            yield value or UNKNOWN
    elif isinstance(target, ast.Tuple | ast.List):
        values = (
            value.elts
            if isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts)
            else [None] * len(target.elts)
        )
        for place, (part, its) in enumerate(zip(target.elts, values, strict=True)):
            if isinstance(part, ast.Name) and part.id == name and its is None and value is not None:
                yield ast.Subscript(value, ast.Constant(place))
            else:
                yield from _assigned(part, its, name)


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _literal_text(node: ast.AST) -> str:
    texts = (n.value for n in ast.walk(node) if isinstance(n, ast.Constant))
    return " ".join(text for text in texts if isinstance(text, str))


def test_statements_hold_only_literal_text_and_quoted_names() -> None:
    unsafe = [
        place
        for module, file in MODULES.items()
        for place in Statements(module, file.read_text(encoding="utf-8")).unsafe()
    ]
    assert not unsafe, "\n".join(unsafe)


HEAD = "from .names import Cypher, Quoted, key, keys\n"


@pytest.mark.parametrize(
    "code",
    [
        'def f(c, label): c.rows(f"MATCH (n:{label}) RETURN n")',
        'def f(c, label: str): query = f"MATCH (n:{label}) RETURN n"',
        'def f(c, label): c.rows("MATCH (n:" + label + ") RETURN n")',
        'def f(c, label): c.rows("MATCH (n:{}) RETURN n".format(label))',
        'def f(c, label): c.rows("MATCH (n:%s) RETURN n" % label)',
        'def f(c, names): c.rows("MATCH (n) RETURN " + ", ".join(names))',
        'def f(c, names): c.rows("MATCH (n) RETURN " + ", ".join(f"n.{x}" for x in names))',
        'def f(c, query): c.rows("MATCH (n:X) RETURN n".replace("X", query))',
        "def f(c, query): c.fetch(query)",
        "def f(c, query): c.send(statement=query, rows=[]) or c.send(query, [])",
        "def f(c, text): c.change(Cypher(text))",
        "def f(c, text): c.change(Quoted(text))",
        'def f(c, text):\n  for x in text: c.change(f"CREATE (n:{x})")',
        'def f(c, text):\n  x = key("a")\n  x = text\n  c.change(f"MERGE (n:{x})")',
        'def f(c, text):\n  x = [key("a")]\n  x.append(text)\n  c.change("MERGE " + ", ".join(x))',
        'def f(c, text): c.change(f"CREATE (n:{schema.kind(text).label})")',
        "def f(c):\n  for x in g(): c.change(x)\ndef g() -> list[str]: ...",
        "def f(c):\n  x, y = g()\n  c.change(y)\ndef g() -> tuple[Cypher, str]: ...",
        'LABEL = input()\ndef f(c): c.change(f"CREATE (n:{LABEL})")',
        'def f(server, t): bulk.run_sql(server, f"CREATE EDGE TYPE {t} IF NOT EXISTS")',
    ],
)
def test_what_might_be_anything_is_seen_in_a_statement(code: str) -> None:
    assert list(Statements("medkg.graph.store.x", HEAD + code).unsafe())


@pytest.mark.parametrize(
    "code",
    [
        "def f(c, names, k): c.rows(f\"MATCH (n:{names.label(k)}) RETURN {keys('n', k)}\")",
        'def f(c, label: Quoted): c.rows(f"MATCH (n:{label}) RETURN n")',
        'def f(c, part: Cypher): c.rows(Cypher("MATCH (n) WHERE " + part + " RETURN n"))',
        'def f(c, n): c.rows("RETURN " + ", ".join(f"n.{key(x)}" for x in n))',
        'def f(c): c.rows(f"MATCH (n) WHERE {g()} RETURN n")\ndef g() -> Cypher: ...',
        'def f(c, n):\n  x = [key(n)]\n  x.append(key("b"))\n  c.rows("RETURN " + ", ".join(x))',
        "def f(c):\n  for x in g(): c.change(x)\ndef g() -> list[Cypher]: ...",
        "def f(c):\n  x, y = g()\n  c.change(x)\ndef g() -> tuple[Cypher, str]: ...",
        'def f(kind): raise ValueError(f"no kind {kind}: CREATE it")',
    ],
)
def test_what_is_quoted_is_allowed_in_a_statement(code: str) -> None:
    assert not list(Statements("medkg.graph.store.x", HEAD + code).unsafe())
