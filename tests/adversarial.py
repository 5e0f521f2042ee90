"""Every regular expression of the rooms, and strings on which a bad one takes quadratic time.

    python -m tests.adversarial

prints, as JSON, for each room which of its patterns take too long on a string of `SIZE` characters,
and which calls have a pattern that can't be told from the source.
"""

from __future__ import annotations

import ast
import importlib
import json
import random
import re
import signal
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from re import _constants as kinds  # type: ignore[attr-defined]  # what a pattern's tree consists of
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
ROOMS = ("core", "graph", "extract", "loaders", "gnn", "mining", "cypher", "api", "cli")
SIZE = 20_000
MOST = 14  # strings that a pattern is tried on
# Patterns for short strings alone, by their module and how they begin, with what bounds these.
BOUNDED = {
    ("extract.context.reactions", r"\w\s*[-"): "80 characters",
    ("extract.context.reactions", r"\s*(?:pens?"): "20 tokens",
    ("extract.context.reactions", r"\)?(?:"): "80 characters",
    ("extract.context.current_drugs", r"[\s,("): "matched whole",
    ("extract.context.stopped_drugs", ""): "20 tokens",
    ("extract.context.values", "(?P<bound>"): "80 characters",
    ("extract.sentences", "(?:^|"): "12 characters",
    ("extract.sentences", r"(\S*?)"): "30 characters",
    ("any of drug_rules", ""): "a window of words",
    ("list ", ""): "a window of words",
    ("short forms, embolism", ""): "30 characters, or matched at one place",
}
_ANCHORED = ("match", "fullmatch")
_FUNCTIONS = (*_ANCHORED, "search", "findall", "finditer", "sub", "subn", "split")
# Characters to take where a class allows several.
_CHARACTERS = "a1 -.,_\n\t(A)é/:;|#<\"'=+*[]{}%\\~\r@&^$!?>"


class Used(NamedTuple):
    """A pattern, where it stands, and whether it is searched for, or matched at one place alone."""

    where: str
    pattern: re.Pattern[str] | re.Pattern[bytes]
    searched: bool


def sources(room: str) -> Iterator[tuple[str, ast.Module]]:
    """The modules of a room, by their names, with their syntax trees."""
    for file in sorted((ROOT / room).rglob("*.py")):
        parts = [*file.relative_to(ROOT).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
        name = "medkg" if parts == ["api"] else ".".join(["medkg", *parts])
        yield name.replace("medkg.api.", "medkg."), ast.parse(file.read_text(encoding="utf-8"))


def patterns(room: str) -> tuple[list[Used], list[str]]:
    """All patterns of a room, and the calls whose pattern can't be told from the source."""
    used: list[Used] = []
    untold: list[str] = []
    for name, tree in sources(room):
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_re(node)]
        if not calls:
            continue
        module = importlib.import_module(name)
        methods = _methods(tree)
        names = {
            id(node.value): target.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in calls:
            assert isinstance(call.func, ast.Attribute)
            where = f"{name}:{ast.unparse(call)[:90]}"
            try:
                pattern = _evaluated(call, vars(module))
            except Exception:
                untold.append(f"{name}:{ast.unparse(call.args[0])}")
                continue
            if call.func.attr == "compile":
                how = methods.get(names.get(id(call), ""), {"search"})
            else:
                how = {call.func.attr}
            used.append(Used(where, pattern, not how <= set(_ANCHORED)))
    return used, untold


def _is_re(call: ast.Call) -> bool:
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "re"
        and function.attr in ("compile", *_FUNCTIONS)
        and bool(call.args)
    )


def _evaluated(call: ast.Call, namespace: dict[str, Any]) -> re.Pattern[str] | re.Pattern[bytes]:
    """The pattern of a call, with its flags, by what its module's names mean."""
    flags = [k.value for k in call.keywords if k.arg == "flags"]
    function = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    place = 1 if function == "compile" else 3 if function in ("split", "sub", "subn") else 2
    flags += call.args[place : place + 1] if function not in ("split", "sub", "subn") else []
    values = [
        eval(compile(ast.Expression(node), "pattern", "eval"), namespace)
        for node in (call.args[0], *flags)
    ]
    return re.compile(values[0], values[1] if len(values) > 1 else 0)


def _methods(tree: ast.Module) -> dict[str, set[str]]:
    """How each name's pattern is used in its module; "search" where it is handed on."""
    methods: dict[str, set[str]] = defaultdict(set)
    attributes = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            attributes.add(id(node.value))
            methods[node.value.id].add(node.attr if node.attr in _ANCHORED else "search")
    for node in ast.walk(tree):
        is_read = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        if is_read and id(node) not in attributes:
            methods[node.id].add("search")
    return methods


def strings(pattern: re.Pattern[str] | re.Pattern[bytes], seed: int = 0) -> list[str]:
    """Strings of `SIZE` characters that nearly match, many times or very long, and don't."""
    tree = parser.parse(pattern.pattern, pattern.flags)
    chance = random.Random(seed)
    made: dict[str, None] = {}
    for before, body in _repeats(list(tree), "", chance):
        for tail in ("\0", "\n", ""):
            made[before + _fill(body, SIZE) + tail] = None
        made[_fill(before + body, SIZE)] = None
        made[_fill(before, SIZE) + "\0"] = None
    for _ in range(2):
        whole = _sample(list(tree), chance)
        made[_fill(whole, SIZE) + "\0"] = None
        made[_fill(whole[:-1], SIZE)] = None
    unlike = list(made)
    chance.shuffle(unlike)
    return [*unlike[:MOST], *(_fill(each, SIZE) + "\0" for each in (" ", "a", "a "))]


def _fill(text: str, size: int) -> str:
    return (text or "a") * (size // max(1, len(text)))


def _repeats(nodes: Sequence[Any], before: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    """Each repetition without a bound: what stands before it, and what is repeated."""
    for number, (kind, value) in enumerate(nodes):
        start = before + _sample(nodes[:number], chance)
        if kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT):
            _, most, body = value
            if most == kinds.MAXREPEAT:
                for _ in range(2):
                    yield start, _sample(list(body), chance)
            yield from _repeats(list(body), start, chance)
        elif kind is kinds.SUBPATTERN:
            yield from _repeats(list(value[-1]), start, chance)
        elif kind is kinds.ATOMIC_GROUP:
            yield from _repeats(list(value), start, chance)
        elif kind is kinds.BRANCH:
            for branch in value[1]:
                yield from _repeats(list(branch), start, chance)
        elif kind in (kinds.ASSERT, kinds.ASSERT_NOT):
            yield from _repeats(list(value[1]), start, chance)


def _sample(nodes: Sequence[Any], chance: random.Random) -> str:
    """A string that the nodes match, but for what they look at around it."""
    return "".join(_sample_of(kind, value, chance) for kind, value in nodes)


def _sample_of(kind: Any, value: Any, chance: random.Random) -> str:
    if kind is kinds.LITERAL:
        return chr(value)
    if kind in (kinds.NOT_LITERAL, kinds.ANY, kinds.IN):
        items = value if kind is kinds.IN else [(kind, value)]
        allowed = [c for c in _CHARACTERS if _is_in(c, items)]
        named = [chr(v) for k, v in items if k is kinds.LITERAL]
        return chance.choice(allowed[:6] or named or ["a"])
    if kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT):
        least, most, body = value
        return "".join(_sample(list(body), chance) for _ in range(max(least, min(1, most))))
    if kind is kinds.SUBPATTERN:
        return _sample(list(value[-1]), chance)
    if kind is kinds.ATOMIC_GROUP:
        return _sample(list(value), chance)
    if kind is kinds.BRANCH:
        return _sample(list(chance.choice(value[1])), chance)
    return ""


_CATEGORIES = {
    kinds.CATEGORY_DIGIT: r"\d",
    kinds.CATEGORY_NOT_DIGIT: r"\D",
    kinds.CATEGORY_SPACE: r"\s",
    kinds.CATEGORY_NOT_SPACE: r"\S",
    kinds.CATEGORY_WORD: r"\w",
    kinds.CATEGORY_NOT_WORD: r"\W",
}


def _is_in(character: str, items: Sequence[Any]) -> bool:
    """Whether a class has a character."""
    negated = any(kind is kinds.NEGATE for kind, _ in items)
    code, has = ord(character), False
    for kind, value in items:
        has |= kind is kinds.LITERAL and value == code
        has |= kind is kinds.NOT_LITERAL and value != code
        has |= kind is kinds.RANGE and value[0] <= code <= value[1]
        has |= kind is kinds.CATEGORY and bool(re.match(_CATEGORIES[value], character))
        has |= kind is kinds.ANY and character != "\n"
    return has != negated


@cache
def most_seconds() -> float:
    """The processor's time that a pattern may take on one string: half of what one takes that is
    quadratic and does little at each place, on this machine. A linear one takes milliseconds."""
    text, pattern = _fill("<!--", SIZE), re.compile("<!--.*?-->", re.S)
    start = time.process_time()
    assert pattern.search(text) is None
    return (time.process_time() - start) / 2


class TooSlow(Exception):
    """Something has taken more of the processor's time than it may."""


def _stop(*_: object) -> None:
    raise TooSlow


@contextmanager
def processor_limit(seconds: float | None = None) -> Iterator[None]:
    """Raise `TooSlow` inside when this process has computed for so long, waiting left out.

    `seconds`: None: `most_seconds`.
    """
    before = signal.signal(signal.SIGPROF, _stop)
    signal.setitimer(signal.ITIMER_PROF, most_seconds() if seconds is None else seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def slow(used: Used) -> str | None:
    """The string on which a pattern takes too long, in short; None: it has none."""
    pattern: re.Pattern[Any] = used.pattern
    for text in strings(used.pattern):
        given = text if isinstance(pattern.pattern, str) else text.encode("latin-1", "replace")
        try:
            with processor_limit():
                if used.searched:
                    for _ in pattern.finditer(given):
                        pass
                else:
                    pattern.match(given)
                    pattern.fullmatch(given)
        except TooSlow:
            return f"{text[:40]!r} … {text[-20:]!r}"
    return None


def _is_bounded(where: str) -> bool:
    as_written = where.replace("\\\\", "\\")  # the source has a string's backslashes twice
    return any(module in where and begins in as_written for module, begins in BOUNDED)


def report(room: str) -> dict[str, Any]:
    """Try all patterns of a room, but for those that something else bounds."""
    used, untold = patterns(room)
    used = [each for each in (*used, *TABLES.get(room, list)()) if not _is_bounded(each.where)]
    slow_ones = {each.where: text for each in used if (text := slow(each)) is not None}
    return {"patterns": len(used), "slow": slow_ones, "untold": untold}


def _of_extract() -> list[Used]:
    """Patterns that functions of `extract` build from tables."""
    from medkg.extract import chinese_laboratory, short_forms, species
    from medkg.extract.context import chinese as chinese_context
    from medkg.extract.context.context import _lasting
    from medkg.extract.deidentify import chinese as chinese_identifiers
    from medkg.extract.deidentify import dates
    from medkg.extract.deidentify.patterns import patterns
    from medkg.extract.document_form import signs
    from medkg.extract.linking import chinese as chinese_names
    from medkg.extract.mentions import given
    from medkg.extract.mentions.neighbours import _NAMES_GENE
    from medkg.extract.relations import chinese as chinese_relations
    from medkg.extract.relations import condition_levels, resumed, rules

    tables = (
        rules.symptom_rules, rules.drug_rules, rules.association_rules, rules.target_rules,
        rules.interaction_rules, condition_levels.condition_level_rules,
    )  # fmt: skip
    used = [Used(f"rule {r.name}", r.pattern, True) for table in tables for r in table()]
    used += [Used(f"any of {t.__name__}", rules._any_of(t), True) for t in tables]
    used += [Used("chinese_laboratory", chinese_laboratory._pattern(), True)]
    used += [Used(f"unless {r.name}", r.unless, True) for r in rules.drug_rules() if r.unless]
    used += [Used(f"resumed {b.pattern.pattern}", b.pattern, False) for b in resumed._BEGINNINGS]
    used.append(Used("_COMES_WITH", rules._COMES_WITH, True))
    used.append(Used("variants", condition_levels._VARIANT, False))
    used += [Used(f"list {p.pattern}", p, True) for p in (rules._GENES, rules._CONDITIONS)]
    used.append(Used("short forms", short_forms._pattern(), True))
    for where, pairs in short_forms._WHERE.items():
        used += [Used(f"short forms, {where}", p, True) for pair in pairs for p in pair]
    used += [Used(f"identifiers {p.expression.pattern}", p.expression, True) for p in patterns()]
    made = chinese_identifiers
    searched = (made._labelled, made._titled, made._address, made._clinic, made._anonymous_end,
                made._described, made._nicknamed, made._school)  # fmt: skip
    used += [Used(f"in Chinese, {each.__name__}", each(), True) for each in searched]
    used += [
        Used(f"in Chinese, {p.__name__}", p(), False) for p in (made._lead, made._before_school)
    ]
    used.append(Used("lasting", _lasting(), True))
    used += [Used(f"species, {name}", p, True) for name, p in species._patterns().items()]
    used += [
        Used(f"given, {s}", given._pattern(s), s == "before") for s in ("name", "before", "behind")
    ]
    used.append(Used("phrases of context in Chinese", chinese_context._phrases(), True))
    used += [
        Used(f"in Chinese, {rule.name}", rule.pattern, True)
        for sort in chinese_relations.SORTS
        for rule in chinese_relations.rules(sort)
    ]
    used.append(Used("purpose in Chinese", chinese_relations._purpose(), False))
    used.append(Used("stated purpose in Chinese", chinese_relations._stated_purpose(), True))
    used += [Used("list in Chinese", each, True) for each in chinese_relations._lists()]
    used += [
        Used("named purpose in Chinese", each, True)
        for each in chinese_relations._purposes().values()
    ]
    used.append(Used("everyday words in Chinese", chinese_names._variants()[0], True))
    used.append(Used("gene in brackets", re.compile(rf" ?\(DMD{_NAMES_GENE}"), False))
    used += [Used(f"form, {sign.name}", sign.pattern, True) for sign in signs()]
    used += [Used(f"dates {pattern.pattern}", pattern, True) for pattern in dates._DATES]
    return used


def _of_loaders() -> list[Used]:
    """Patterns that functions of `loaders` take from tables."""
    from medkg.loaders import annotated
    from medkg.loaders.fhir_concepts import _SYSTEMS

    used = [Used(f"form {f}", re.compile(f), False) for _, f, _ in annotated._LOCAL_IDENTIFIERS]
    used += [Used(f"^{p}", re.compile(rf"^{p}[:_]", re.I), True) for p in set(_SYSTEMS.values())]
    return used


def _of_mining() -> list[Used]:
    """Patterns that functions of `mining` build from tables."""
    from medkg.mining.diagnosis.answered import OPPOSITE, _pairs, word_pattern

    return [Used(f"opposite {one}", word_pattern(one), True) for one, _ in _pairs(OPPOSITE)]


TABLES = {"extract": _of_extract, "loaders": _of_loaders, "mining": _of_mining}


if __name__ == "__main__":
    print(json.dumps({room: report(room) for room in ROOMS}))
