"""The guard of queries: what would change something is refused before any server sees it.

The embedded server runs schema statements even under EXPLAIN and in a transaction that is rolled
back, so a query's own text is read here. A Neo4j is asked for the query's type as well, and runs it
in a transaction that may only read (`answers`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ...core.errors import StoreError

_FIRST = ("MATCH", "OPTIONAL", "WITH", "UNWIND", "RETURN", "CALL")
_CHANGES = {
    *("CREATE", "MERGE", "INSERT", "DELETE", "DETACH", "NODETACH", "SET", "REMOVE", "FOREACH"),
    *("DROP", "ALTER", "RENAME", "GRANT", "REVOKE", "DENY", "TERMINATE", "LOAD", "USE", "SHOW"),
}
# What only reads the graph, on both servers.
_PROCEDURES = {
    "db.labels",
    "db.relationshiptypes",
    "db.propertykeys",
    "db.schema.visualization",
    "db.schema.nodetypeproperties",
    "db.schema.reltypeproperties",
    "db.index.fulltext.querynodes",
    "db.index.fulltext.queryrelationships",
    "db.index.vector.querynodes",
    "db.index.vector.queryrelationships",
    "db.info",
    "db.ping",
    "dbms.components",
}
# Functions of these namespaces compute, as all of Cypher's own do that have none.
_NAMESPACES = {
    *("date", "datetime", "localdatetime", "time", "localtime", "duration"),
    *("point", "vector", "char"),
}
# Evaluates another language; opens a file.
_NOT_FUNCTIONS = {"eval", "file"}
# What a character behind a backslash is in a text. The embedded server takes any other, and the
# backslash, for themselves; Neo4j refuses it.
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "0": "\0"}
_ESCAPED |= {character: character for character in "'\"\\"}
_MOST_CHARACTERS = 1_000_000
_BEFORE_NAME = (":", "|", "&", "!")  # of a label or type
_BEFORE_NODE = ("MATCH", ",", "-", ">", "=")  # and its parenthesis
_TOKEN = re.compile(
    r"""(?P<space>[ \t\n]+ | \r\n | //[^\r\n\v\f\x85\u2028\u2029]* | /\*.*?\*/)
    | (?P<text>'(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*")
    | (?P<quoted>`[^`]*`)
    | (?P<number>\d+(?:[eE][+-]?\d+ | (?<=0)[xo][0-9a-fA-F]+)?)
    | (?P<name>[^\W\d]\w*)
    | (?P<sign>[^\w\s'"`\\])""",
    re.DOTALL | re.VERBOSE,
)


class _Token(NamedTuple):
    sort: str
    text: str


def refuse_changes(cypher: str) -> None:
    """Refuse a query that is not plainly a read.

    It must be one statement that begins as a read does, with no clause that changes something
    (LOAD CSV, SHOW and USE are refused too) and no procedure or function but those known to read.

    Raises:
        StoreError: what is not allowed, and what to write instead.
    """
    tokens = _tokens(cypher)
    _refuse(not tokens, "the query is empty")
    if tokens[0].text.upper() in ("EXPLAIN", "PROFILE"):
        tokens = tokens[1:]
    first = tokens[0].text.upper() if tokens else ""
    _refuse(
        first not in _FIRST and first not in _CHANGES,
        f"a query begins with {', '.join(_FIRST[:-1])} or {_FIRST[-1]}, not with {first!r}",
    )
    nothing = _Token("end", "")
    around = [nothing, nothing, *tokens, nothing]
    for place, token in enumerate(tokens):
        two_before, before, after = around[place], around[place + 1], around[place + 3]
        if token.text == ";":
            _refuse(after is not nothing, "a second statement is not allowed; send one at a time")
        if token.sort != "name":
            continue
        # A number may end in a dot, and what follows is then no property.
        of = two_before.sort in ("name", "quoted") or two_before.text in (")", "]", "}", "{", ",")
        if (before.text == "." and of) or before.text in ("$", ":"):
            continue
        word = token.text.upper()
        _refuse(
            word in _CHANGES,
            f"{word} is not allowed: query only reads (a name that reads so goes in backquotes)",
        )
        if word == "CALL":
            _check_call(tokens[place + 1 :])
    _check_functions(tokens)


def plan_of(cypher: str) -> str:
    """The query that asks for the plan of a query, which may ask for a plan itself."""
    place = 0
    while (match := _TOKEN.match(cypher, place)) and match["space"]:
        place = match.end()
    if match and match[0].upper() in ("EXPLAIN", "PROFILE"):
        place = match.end()
    return f"EXPLAIN {cypher[place:]}"


def masked_literals(cypher: str) -> tuple[str, list[str]]:
    """A query with `?` in place of its literals and quoted names, and their values.

    Comments go. A query that can't be split into tokens is masked as a whole.
    """
    try:
        tokens = _tokens(cypher)
    except StoreError:
        return "?", []
    masked = {"text", "number", "quoted"}
    shown = " ".join("?" if token.sort in masked else token.text for token in tokens)
    return shown, [_value(token) for token in tokens if token.sort in masked]


def _value(token: _Token) -> str:
    """What a literal or quoted name stands for: `O'Brien` of `'O\\'Brien'`."""
    if token.sort == "number":
        return token.text
    inside = token.text[1:-1]
    if token.sort == "quoted":
        return inside
    return re.sub(r"\\(.)", lambda match: _ESCAPED.get(match[1], match[0]), inside, flags=re.DOTALL)


def refuse_unreadable(cypher: str) -> None:
    """Refuse a query that can't be split into tokens: no log could say what it is about.

    Raises:
        StoreError: it can't.
    """
    _tokens(cypher)


def _refuse(wrong: bool, problem: str) -> None:
    if wrong:
        raise StoreError(problem)


def with_values(cypher: str, values: Mapping[str, str]) -> str:
    """A query with texts in place of its parameters (`$name`); those of other names stay."""
    texts: list[str] = []
    for token in _all_tokens(cypher):
        if texts and texts[-1] == "$" and token.sort == "name" and token.text in values:
            texts[-1] = values[token.text]
        else:
            texts.append(token.text)
    return "".join(texts)


class Names(NamedTuple):
    """What a query names: labels of nodes, types of relationships, and what may be either."""

    labels: tuple[str, ...]
    types: tuple[str, ...]
    either: tuple[str, ...]


def names_in(cypher: str) -> Names:
    """The labels and relationship types that a query asks for, each once, as they come.

    In a pattern, parentheses hold labels and brackets types. Behind a variable anywhere else
    (`WHERE x:TARGETS`) a name may be either. No names are what stands in braces, where it may be
    the value of a map, and behind two colons, where it is the type of a value.
    """
    nothing = _Token("end", "")
    tokens = [nothing, nothing, nothing, *_tokens(cypher)]
    within: list[str] = [""]
    by_field: dict[str, list[str]] = {each: [] for each in Names._fields}
    names: list[str] | None = None
    for place, token in enumerate(tokens):
        before = tokens[place - 1]
        if token.text in ("(", "[", "{"):
            within.append(token.text)
        elif token.text in (")", "]", "}"):
            within = within[:-1] or [""]
        if token.text == ":" and before.text != ":":
            if within[-1] == "{":
                names = None
            elif names is None:
                names = by_field[_named_at(tokens, place)]
        elif names is not None and token.sort in ("name", "quoted") and before.text in _BEFORE_NAME:
            names.append(token.text.strip("`"))
        elif token.text not in ("|", "&", "!"):
            names = None
    return Names(**{each: tuple(dict.fromkeys(names)) for each, names in by_field.items()})


def _named_at(tokens: list[_Token], place: int) -> str:
    """What a colon stands before: the field of `Names`."""
    has_variable = tokens[place - 1].sort in ("name", "quoted")
    opening = place - 2 if has_variable else place - 1
    around, before = tokens[opening].text, tokens[opening - 1].text.upper()
    if around == "[" and before == "-":
        return "types"
    if around == "(" and (not has_variable or before in _BEFORE_NODE):
        return "labels"
    return "either"


def _tokens(cypher: str) -> list[_Token]:
    """The query without white space and comments."""
    return [token for token in _all_tokens(cypher) if token.sort != "space"]


def _all_tokens(cypher: str) -> list[_Token]:
    """The query's parts, white space and comments too."""
    _refuse(
        len(cypher) > _MOST_CHARACTERS,
        f"a query has at most {_MOST_CHARACTERS:,} characters; give long lists as parameters",
    )
    # Servers read these differently, inside texts and names too.
    _refuse(
        re.search(r"\\[uU]", cypher) is not None,
        r"\u is not allowed in a query: write the character, or give the text as a parameter",
    )
    tokens = []
    place = 0
    while place < len(cypher):
        match = _TOKEN.match(cypher, place)
        if match is None or cypher.startswith("/*", place) != (
            match["space"] is not None and match["space"].startswith("/*")
        ):
            raise StoreError(
                f"the query can't be read from {cypher[place : place + 20]!r} on: a quotation mark"
                " or comment that isn't closed, or a character that Cypher doesn't have"
            )
        sort = str(match.lastgroup)
        place = match.end()
        if sort == "number" and re.match(r"\w", cypher[place:]):
            raise StoreError(f"{match[0]} runs into {cypher[place : place + 10]!r}; put a space")
        tokens.append(_Token(sort, match[0]))
    return tokens


def _check_call(after: list[_Token]) -> None:
    """A subquery is read as the rest is; a procedure must be one that is known to read."""
    if after and after[0].text in ("{", "("):
        return
    name = ""
    for token in after:
        if token.sort not in ("name", "quoted") and token.text != ".":
            break
        if name and not name.endswith(".") and token.text != ".":
            break
        name += token.text.strip("`")
    _refuse(
        name.lower() not in _PROCEDURES,
        f"CALL {name} is not allowed; a query may call {', '.join(sorted(_PROCEDURES))}",
    )


def _check_functions(tokens: list[_Token]) -> None:
    names = ("name", "quoted")
    for place, token in enumerate(tokens[:-1]):
        if token.sort not in names or tokens[place + 1].text != "(":
            continue
        dotted = [token.text.strip("`")]
        while place >= 2 and tokens[place - 1].text == "." and tokens[place - 2].sort in names:
            place -= 2
            dotted.insert(0, tokens[place].text.strip("`"))
        called = ".".join(dotted).lower()
        known = called in _PROCEDURES if len(dotted) > 1 else called not in _NOT_FUNCTIONS
        _refuse(
            not known and dotted[0].lower() not in _NAMESPACES,
            f"{called}() is not allowed: query runs only Cypher's own functions",
        )
