"""Phenotypes of a graph, looked up by what people write, and a patient's findings made of them.

Findings are current terms of the graph without contradictions. The rules, each with its message:

- a term that another replaced is that other one;
- a term of another vocabulary is the phenotype that cites it as its cross-reference, if just one
  does;
- what names no phenotype is left out, or, where a person typed it, an error;
- what was read or stated gives way to the absence of it, or of what it is a kind of, that a person
  typed;
- else what is both observed and excluded is observed; so is, against an excluded phenotype, any
  that is observed below it;
- what has a probability (a model saw it) gives way to what is certain of the same phenotype, be it
  observed or excluded, and counts as observed from a half on, for these rules and for all that
  knows of no probabilities.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from ...core.errors import MissingError, SchemaError
from ...graph.identifiers import is_curie, is_standard, normalise_curie
from ...graph.kg import KnowledgeGraph
from ...graph.obsolete import current_ids

# Identifiers or names that a person typed: observed, and excluded.
Typed = tuple[Sequence[str], Sequence[str]]
NOTHING: Typed = ((), ())
LIKELY = 0.5  # probability from which an uncertain phenotype counts as observed


@dataclass(frozen=True)
class Findings:
    """Identifiers of phenotypes that are observed and excluded, and what was done to have them.

    `notes` are sentences for the user; they hold identifiers and names of terms only. `uncertain`
    has the probabilities of those that aren't certain; the likely ones are in `present`, too.
    """

    present: tuple[str, ...]
    excluded: tuple[str, ...]
    notes: tuple[str, ...]
    uncertain: Mapping[str, float] = field(default_factory=dict)


class Phenotypes:
    """Looks up a graph's phenotypes by identifier, former identifier, cross-reference or name.

    Attributes:
        names: of the phenotypes, by identifier.
    """

    def __init__(self, kg: KnowledgeGraph):
        self._kg = kg
        symptoms = kg.nodes.filter(kind="Symptom")
        self.names: Mapping[str, str] = dict(symptoms.select("id", "name").iter_rows())
        self._current = {
            old: new
            for kind, old, new in current_ids([kg]).iter_rows()
            if kind == "Symptom" and new in self.names
        }
        self._citing: dict[str, list[str]] = {}
        for foreign, own in symptoms.select("xrefs", "id").explode("xrefs").drop_nulls().rows():
            self._citing.setdefault(foreign, []).append(own)
        isa = kg.edges.filter(relation="SUBCLASS_OF").select("subject", "object")
        self._parents: dict[str, list[str]] = {}
        for child, parent in isa.filter(pl.col("subject").is_in(list(self.names))).iter_rows():
            self._parents.setdefault(child, []).append(parent)

    def one(self, text: str) -> tuple[str, str | None]:
        """The identifier that a text means, and what to tell the user about it.

        Raises:
            MissingError: it means no phenotype of the graph, or several.
        """
        text = text.strip()
        try:
            curie = normalise_curie(text)  # of HP_0001250 and of an address, too
        except SchemaError as error:
            if is_curie(text):
                raise MissingError(str(error)) from None
            return self._kg.resolve(text, "Symptom"), None
        if curie in self.names:
            return curie, None
        if curie in self._current:
            new = self._current[curie]
            return new, f"{curie} is obsolete: replaced by {new} ({self.names[new]})"
        citing = self._citing.get(curie, [])
        if len(citing) == 1:
            own = citing[0]
            return own, f"{curie} is taken as {own} ({self.names[own]}), which refers to it"
        if citing:
            listed = ", ".join(f"{own} ({self.names[own]})" for own in sorted(citing))
            raise MissingError(f"{curie} may be several phenotypes: {listed}; give one of them")
        raise MissingError(self._unknown(curie))

    def _unknown(self, curie: str) -> str:
        kinds = self._kg.nodes.filter(pl.col("id") == curie)["kind"].to_list()
        if kinds:
            return f"{curie} is a {kinds[0]} and no phenotype; give what the patient shows"
        prefix = curie.partition(":")[0]
        own = {id_.partition(":")[0] for id_ in self.names}
        if prefix in own:
            return (
                f"{curie} is no phenotype of the graph: unknown, newer than its release, or a term"
                " that tells of something else (inheritance, course)"
            )
        known = "another vocabulary" if is_standard(prefix) else "no vocabulary that is known"
        return (
            f"{curie} is of {known} ({prefix}), and no phenotype of the graph refers to it; give a"
            f" term of {', '.join(sorted(own))}"
        )

    def ancestors(self, phenotype: str) -> set[str]:
        """The phenotype and all that it is a kind of."""
        ancestors, rest = {phenotype}, [phenotype]
        while rest:
            above = [p for p in self._parents.get(rest.pop(), ()) if p not in ancestors]
            ancestors.update(above)
            rest += above
        return ancestors

    def clean(
        self,
        present: Sequence[str],
        excluded: Sequence[str],
        typed: Typed = NOTHING,
        uncertain: Sequence[tuple[str, float]] = (),
    ) -> Findings:
        """A patient's observed and excluded phenotypes as findings; see the rules above.

        Args:
            present, excluded: identifiers or names, as read or stated.
            typed: what a person typed beside them.
            uncertain: identifiers or names with probabilities; of several the highest counts.

        Raises:
            MissingError: what was typed names no phenotype.
        """
        notes: list[str] = []
        typed_seen, typed_denied = (self._identifiers(texts, notes, strict=True) for texts in typed)
        seen, denied = (self._identifiers(texts, notes) for texts in (present, excluded))
        probabilities = self._probabilities(uncertain, notes)
        certain = {*typed_seen, *seen, *typed_denied, *denied}
        notes += [
            f"{self._labelled(phenotype)} is excluded, though a model sees it ({value:.2f})"
            for phenotype, value in probabilities.items()
            if phenotype in {*typed_denied, *denied} and value >= LIKELY
        ]
        probabilities = {p: value for p, value in probabilities.items() if p not in certain}
        seen += [phenotype for phenotype, value in probabilities.items() if value >= LIKELY]
        overruled = {p for p in seen if not self.ancestors(p).isdisjoint(typed_denied)}
        notes += [
            f"{self._labelled(phenotype)} counts as absent: that was typed"
            for phenotype in seen
            if phenotype in overruled
        ]
        rest = [phenotype for phenotype in seen if phenotype not in overruled]
        seen = list(dict.fromkeys([*typed_seen, *rest]))
        denied = list(dict.fromkeys([*typed_denied, *denied]))
        above = {a: phenotype for phenotype in seen for a in self.ancestors(phenotype)}
        kept = []
        for phenotype in denied:
            if phenotype in seen:
                notes.append(f"{self._labelled(phenotype)} is both observed and excluded: observed")
            elif phenotype in above:
                notes.append(
                    f"{self._labelled(phenotype)} is excluded, but"
                    f" {self._labelled(above[phenotype])}, which is one, is observed: the exclusion"
                    " is left out"
                )
            else:
                kept.append(phenotype)
        # What is unlikely gives way to an exclusion of it, or of what it is a kind of.
        left = {
            phenotype: value
            for phenotype, value in probabilities.items()
            if phenotype in seen or self.ancestors(phenotype).isdisjoint(kept)
        }
        return Findings(tuple(seen), tuple(kept), tuple(notes), left)

    def _probabilities(
        self, uncertain: Sequence[tuple[str, float]], notes: list[str]
    ) -> dict[str, float]:
        """The highest probability of each uncertain phenotype."""
        probabilities: dict[str, float] = {}
        for text, value in uncertain:
            for phenotype in self._identifiers([text], notes):
                probabilities[phenotype] = max(value, probabilities.get(phenotype, 0.0))
        return probabilities

    def _identifiers(
        self, texts: Iterable[str], notes: list[str], *, strict: bool = False
    ) -> list[str]:
        """What the texts mean, each once; those that mean nothing are noted, or, `strict`, raised
        together."""
        identifiers, unknown = [], []
        for text in dict.fromkeys(texts):
            try:
                identifier, note = self.one(text)
            except MissingError as error:
                unknown.append(str(error))
                continue
            identifiers.append(identifier)
            if note is not None:
                notes.append(note)
        if unknown and strict:
            raise MissingError("; ".join(unknown))
        notes += [f"left out: {problem}" for problem in unknown]
        return list(dict.fromkeys(identifiers))

    def _labelled(self, phenotype: str) -> str:
        return f"{phenotype} ({self.names[phenotype]})"
