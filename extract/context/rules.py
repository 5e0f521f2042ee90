"""The trigger phrases of `data/context.tsv`, and where they stand among the words of a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product

from ..tables import table_rows

# What a phrase's token class <end> matches.
CLAUSE_ENDS = frozenset(("\n", ",", ";", ".", ")", "|"))
_NUMBER_WORDS = frozenset(
    "one two three four five six seven eight nine ten several few couple".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Rule:
    """A row of `data/context.tsv`.

    Attributes:
        category: what a mention in scope becomes, see the table's head.
        direction: "forward" (mentions after the phrase), "backward", "both", or "either", the side
            that the sentence shows it to be about (`scopes.toward_a_side`).
        reach: the most tokens that the scope has; None: up to the end of the sentence.
        only: kinds of mention that the rule is about (of a termination, the categories that it
            ends, also as category/Kind); empty: all.
    """

    category: str
    direction: str
    reach: int | None
    only: frozenset[str]


@dataclass(frozen=True)
class Trigger:
    """An occurrence of a phrase, at the words [start, end) of a sentence, with its rule."""

    start: int
    end: int
    rule: Rule


@dataclass
class _Node:
    """A node of the trie: its children by token or token class, and the rules of its phrase."""

    children: dict[str, _Node] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)


class _PhraseTrie:
    """A trie of phrases whose edges are tokens or the names of token classes."""

    def __init__(self) -> None:
        self.classes: dict[str, set[str]] = {}  # of each word
        self._root = _Node()

    def add(self, phrase: str, rule: Rule) -> None:
        node = self._root
        for word in phrase.split():
            node = node.children.setdefault(word, _Node())
        node.rules.append(rule)

    def longest(self, words: Sequence[str], start: int) -> tuple[int, list[Rule]]:
        """End and rules of the longest phrase that starts at `start`; (start, []) if none."""
        best: tuple[int, list[Rule]] = (start, [])
        nodes = [self._root]
        for position in range(start, len(words)):
            nodes = [
                node.children[edge]
                for node in nodes
                for edge in self._edges(words[position])
                if edge in node.children
            ]
            if not nodes:
                break
            rules = [rule for node in nodes for rule in node.rules]
            if rules:
                best = (position + 1, rules)
        return best

    @cache  # noqa: B019 (one instance, for the life of the process)
    def _edges(self, word: str) -> tuple[str, ...]:
        """The word itself and the token classes that it belongs to."""
        classes = (f"<{name}>" for name in self.classes.get(word, ()))
        end = ("<end>",) if word in CLAUSE_ENDS else ()
        return (word, *classes, *_number_classes(word), *end)


def _number_classes(word: str) -> tuple[str, ...]:
    if re.fullmatch(r"(19|20)\d\d", word):
        return ("<year>", "<num>")
    return ("<num>",) if word.isdigit() or word in _NUMBER_WORDS else ()


@cache
def _phrases() -> _PhraseTrie:
    phrases = _PhraseTrie()
    words: dict[str, list[str]] = {}  # phrases that a name stands for
    for phrase, category, direction, reach, only in table_rows("context.tsv"):
        if category == "class":
            name, _, members = phrase.partition("=")
            for member in members.split("|"):
                phrases.classes.setdefault(member, set()).add(name)
        elif category == "words":
            name, _, members = phrase.partition("=")
            words[f"<{name}>"] = [p for each in members.split("|") for p in _spelled(each, words)]
        else:
            kinds = frozenset(only.split("|")) if only else frozenset()
            rule = Rule(category, direction, int(reach) if reach else None, kinds)
            # Notes are typed without apostrophes, too ("doesnt have").
            for spelled in _spelled(phrase, words):
                for written in {spelled, spelled.replace(" ' t", "t")}:
                    phrases.add(written, rule)
    return phrases


def _spelled(phrase: str, words: Mapping[str, list[str]]) -> list[str]:
    """A phrase with each of the phrases that names in it stand for."""
    parts = [words.get(word, [word]) for word in phrase.split()]
    return [" ".join(chosen) for chosen in product(*parts)]


def in_class(name: str, word: str) -> bool:
    """Whether a lower-case word is in a token class of the table ("girl" in `who`)."""
    return name in _phrases().classes.get(word, ())


def find_triggers(words: Sequence[str]) -> Iterator[Trigger]:
    """The triggers among lower-case words, left to right; longer phrases hide shorter ones."""
    position = 0
    closed = [*words, "\n"]
    while position < len(words):
        end, rules = _phrases().longest(closed, position)
        pseudo = [rule for rule in rules if rule.category == "pseudo"]
        for rule in pseudo or rules:
            yield Trigger(position, min(end, len(words)), rule)
        # The comma or semicolon that a phrase ends with may end scopes too.
        if end > position + 1 and closed[end - 1] in (",", ";"):
            end -= 1
        position = max(end, position + 1)
