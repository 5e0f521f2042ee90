"""What speaks against giving a drug to a patient, each with its evidence; and what wasn't checked.

Absence of a warning is no proof of safety: for each check it is said whether the graph holds
anything that could have warned.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import permutations
from typing import Any

import polars as pl

from ...core.errors import DataError
from ...graph.frames import asserts_edge
from ...graph.identifiers import name_key, name_key_of
from ...graph.kg import KnowledgeGraph

# What each sort of warning does. An allergy and a contraindication take a drug out of the list; the
# others push it down: its rank is multiplied by the factor, for each of them. The factors are a
# judgement, fitted to nothing.
ALLERGY = "allergy"
CONTRAINDICATED = "contraindicated"
OUT = (ALLERGY, CONTRAINDICATED)
ALLERGY_LIKE = "allergy to a drug like it"
NARROWER = "contraindicated for a form of it"
LIKE = "contraindicated for drugs like it"
PERHAPS = "contraindicated for what is perhaps the same"
INTERACTION = "interaction"
ADVERSE = "adverse effect"
FACTORS: Mapping[str, float] = {
    ALLERGY_LIKE: 4.0,
    NARROWER: 4.0,
    LIKE: 4.0,
    PERHAPS: 4.0,
    INTERACTION: 4.0,
    ADVERSE: 2.0,
}

ALLERGIC_TO = "ALLERGIC_TO"
_RELATIONS = {
    ALLERGY: ALLERGIC_TO,
    ALLERGY_LIKE: ALLERGIC_TO,
    INTERACTION: "INTERACTS_WITH",
    ADVERSE: "CAUSES",
}  # of the others CONTRAINDICATED_FOR

SEXES = ("female", "male")
# Names, as sources of contraindications write them, of what is no disease of a patient but a state.
_STATES: Mapping[str, tuple[str, ...]] = {
    "pregnancy": ("pregnancy", "pregnant", "pregnancy, function", "gestation", "pregnant women"),
    "infant": ("infant", "infants", "newborn", "neonate", "neonates", "premature infant"),
    "child": ("child", "children", "pediatric patient", "pediatrics", "childhood"),
    "old age": ("elderly", "elderly patients", "old age", "geriatric patient", "aged"),
    "female": ("female", "women", "woman", "female sex"),
    "male": ("male", "men", "man", "male sex"),
}
_PERHAPS = "perhaps "  # begins how a finding was come by, where only a broad key leads to it
_EVIDENCE = 3  # pieces shown of a warning
_ALIKE = 2  # drugs like it that must be contraindicated for a drug to be doubtful
_LARGEST_CLASS = 30  # drugs; those of a larger class are not alike
_SHOWN = ("id", "source", "release", "level", "document", "sentence", "probability", "references")


@dataclass(frozen=True)
class Patient:
    """What is known of whom a drug is for; identifiers of a graph.

    Attributes:
        diseases: those that a drug is sought for.
        also: other diseases.
        age: in years; where it isn't certain the highest that it may be, and `youngest` the lowest.
        sex: `female` or `male`. pregnant: None where it isn't said.
        allergic: drugs, classes of drugs and exposures, that the patient must not have for an
            allergy or an intolerance.
        id: of a patient of the graph.

    Raises:
        DataError: an age or a sex that is none, or a pregnant man.
    """

    diseases: tuple[str, ...]
    also: tuple[str, ...] = ()
    symptoms: tuple[str, ...] = ()
    taking: tuple[str, ...] = ()
    age: float | None = None
    youngest: float | None = None
    sex: str | None = None
    pregnant: bool | None = None
    allergic: tuple[str, ...] = ()
    id: str | None = None

    def __post_init__(self) -> None:
        if self.age is not None and not 0 <= self.age <= 130:
            raise DataError(f"an age is 0 to 130 years, not {self.age:g}")
        if self.sex is not None and self.sex not in SEXES:
            raise DataError(f"a sex is {' or '.join(SEXES)}, not {self.sex!r}; leave it out else")
        if self.pregnant and self.sex == "male":
            raise DataError("the patient is male and pregnant; leave out one of the two")

    @property
    def states(self) -> list[str]:
        """The names in `_STATES` of what age, sex and pregnancy make of the patient."""
        oldest = self.age
        youngest = oldest if self.youngest is None else self.youngest
        said = {
            "pregnancy": self.pregnant,
            "infant": youngest is not None and youngest < 1,
            "child": youngest is not None and youngest < 18,
            "old age": oldest is not None and oldest >= 65,
            "female": self.sex == "female",
            "male": self.sex == "male",
        }
        return [name for name, true in said.items() if true]


@dataclass(frozen=True)
class Caution:
    """Something that speaks against giving a drug.

    Attributes:
        kind: `allergy`, `contraindicated`, `allergy to a drug like it`, `contraindicated for a form
            of it`, `contraindicated for drugs like it`, `contraindicated for what is perhaps the
            same`, `interaction` or `adverse effect`.
        text: a sentence.
        subject, relation, object, edge: what the graph holds. Of an allergy that was given, and
            that the graph doesn't hold of the patient, subject and edge are empty.
        about: what of the patient's it is about (an identifier, or a state such as `pregnancy`).
        factor: by which it multiplies a drug's rank; 1 for an allergy and a contraindication, which
            take the drug out of the list instead.
        probability: the edge's.
        evidence: up to three pieces of it, the most probable first.
    """

    kind: str
    text: str
    subject: str
    relation: str
    object: str
    edge: str
    about: str
    factor: float
    probability: float | None
    evidence: tuple[Mapping[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


@dataclass(frozen=True)
class Check:
    """Whether something was looked for, and in what."""

    what: str
    checked: bool
    note: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


class Safety:
    """What a graph holds that speaks against giving its drugs."""

    def __init__(self, kg: KnowledgeGraph):
        self._kg = kg

    def warnings(self, patient: Patient, drugs: Iterable[str]) -> dict[str, list[Caution]]:
        """What speaks against each of these drugs, the gravest first; drugs without are left out.

        - allergy: the drug is one that the patient is allergic to, one of equal name or
          cross-reference, or a member (IN_CLASS) of such a class or of one that is narrower by
          SUBCLASS_OF. Of a drug that shares a class (of at most 30 drugs) with it, RESEMBLES it, or
          has it as a form, `allergy to a drug like it`; of that one's other forms too, if they are
          at most 30.
        - contraindicated: CONTRAINDICATED_FOR one of the patient's diseases, one that is wider by
          SUBCLASS_OF, or one of equal name or cross-reference with a disease or symptom; or for a
          state (pregnancy, age, sex), where a source has it as such an edge. For one that is
          narrower than the patient's, `contraindicated for a form of it`. Where no source says so
          of a drug, but of two drugs of its class (IN_CLASS, of at most 30 drugs) or like it by
          RESEMBLES, `contraindicated for drugs like it`. Where the disease has but a broad
          cross-reference with the patient's, which several diseases of one vocabulary have (a
          chapter of ICD), `contraindicated for what is perhaps the same`.
        - interaction: INTERACTS_WITH a drug that the patient takes.
        - adverse effect: CAUSES one of the patient's symptoms or diseases, or one that is wider.
          Where that is what a drug is sought for it doesn't push it down: lists of effects are
          taken from labels, which name what a drug is given for.

        What holds for a drug that a drug is a form of (SUBCLASS_OF) holds for the drug.
        """
        forms = {
            drug: {drug: "", **dict.fromkeys(self._wider("Drug", [drug]), "")} for drug in drugs
        }
        of_form: dict[str, list[str]] = {}
        for drug, own in forms.items():
            for form in own:
                of_form.setdefault(form, []).append(drug)
        rows = [
            *self._allergies(patient),
            *self._contraindications(patient),
            *self._interactions(patient),
            *self._adverse_effects(patient),
        ]
        evidence = self._evidence(
            [row["edge"] for row in rows if row["drug"] in of_form or row["kind"] == INTERACTION]
        )
        found: dict[str, list[Caution]] = {}
        for row in rows:
            for drug in of_form.get(row["drug"], ()):
                if drug == row["drug"] or not row.get("alone"):
                    found.setdefault(drug, []).append(self._warning(row, drug, evidence))
        order = [*OUT, *FACTORS]
        return {
            drug: sorted(_once(said), key=lambda w: (order.index(w.kind), w.about, w.edge))
            for drug, said in found.items()
        }

    def checks(self, patient: Patient) -> list[Check]:
        """What was looked for, and what could not be, since the graph holds nothing of it."""
        contra, interacts, causes = self._contraindicated, self._interacting, self._causing
        found = [
            self._check_of_allergies(patient),
            Check(
                "contraindications",
                not contra.is_empty(),
                _held(contra, "contraindications", "drug")
                if not contra.is_empty()
                else "not checked: the graph holds no contraindication; load a source that has"
                " them, such as starter",
            ),
        ]
        if not patient.taking:
            note, checked = "not checked: no current drug was given", False
        elif interacts.is_empty():
            note, checked = (
                "not checked: the graph holds no drug–drug interaction; load a source that has"
                " them, such as starter or drugbank",
                False,
            )
        else:
            note, checked = _held(interacts, "interactions", "drug"), True
            forms = {drug: [drug, *self._wider("Drug", [drug])] for drug in patient.taking}
            drugs_held = set(interacts["drug"])
            if bare := [self._name(d) for d, own in forms.items() if not drugs_held & set(own)]:
                note += f"; none is recorded of {', '.join(bare)}, which is no proof of safety"
                checked = len(bare) < len(patient.taking)
                note = note if checked else f"not checked: {note}"
        found.append(Check("interactions", checked, note))
        found.append(
            Check(
                "adverse effects",
                not causes.is_empty(),
                _held(causes, "adverse effects", "drug")
                if not causes.is_empty()
                else "not checked: the graph holds no adverse effect",
            )
        )
        held_states = self._states()
        for what, given, states in (
            ("pregnancy", patient.pregnant is not None, ("pregnancy",)),
            ("age", patient.age is not None, ("infant", "child", "old age")),
            ("sex", patient.sex is not None, ("female", "male")),
        ):
            held = [state for state in states if state in held_states]
            if not given:
                note = "not checked: not given"
            elif not held:
                note = f"not checked: no source in the graph states contraindications by {what}"
            else:
                note = f"contraindications for {', '.join(held)}, as far as a source states them"
            found.append(Check(what, given and bool(held), note))
        return found

    def _check_of_allergies(self, patient: Patient) -> Check:
        if not patient.allergic:
            note = "not checked: no allergy was given or recorded, which is no proof of none"
            return Check("allergies", False, note)
        named = ", ".join(map(self._name, patient.allergic))
        note = (
            f"checked: {len(patient.allergic)} given or recorded ({named}); their forms, classes"
            " and drugs like them too, as far as the graph holds them"
        )
        alone = [
            self._name(allergen)
            for allergen in patient.allergic
            if self._same_drugs(allergen).keys() <= {allergen}
            and not any(self._drugs_like(allergen, ""))
            and not self._reached(self._children, "Drug", [allergen])
        ]
        if not alone:
            return Check("allergies", True, note)
        note += f"; none is or is like {', '.join(alone)}, which is no proof of safety"
        checked = len(alone) < len(patient.allergic)
        return Check("allergies", checked, note if checked else f"not {note}")

    def unchecked(self, drug: str, patient: Patient) -> list[str]:
        """The checks that could not have warned of a drug, as no source says anything of it."""
        own = {drug, *self._wider("Drug", [drug])}
        asked = {
            "contraindications": self._contraindicated_drugs,
            "interactions": self._interacting_drugs if patient.taking else None,
            "adverse effects": self._causing_drugs,
        }
        return [what for what, held in asked.items() if held is not None and not own & held]

    def wider(self, disease: str) -> list[str]:
        """The diseases that a disease is a form of, by SUBCLASS_OF."""
        return self._wider("Disease", [disease])

    # What the graph holds

    @cached_property
    def _contraindicated(self) -> pl.DataFrame:
        return self._edges("CONTRAINDICATED_FOR", "Disease")

    @cached_property
    def _interacting(self) -> pl.DataFrame:
        """Both ways round."""
        rows = self._edges("INTERACTS_WITH", "Drug")
        turned = rows.rename({"drug": "other", "other": "drug"}).select(rows.columns)
        return pl.concat([rows, turned])

    @cached_property
    def _causing(self) -> pl.DataFrame:
        return self._edges("CAUSES", None)

    @cached_property
    def _contraindicated_drugs(self) -> set[str]:
        return set(self._contraindicated["drug"])

    @cached_property
    def _interacting_drugs(self) -> set[str]:
        return set(self._interacting["drug"])

    @cached_property
    def _causing_drugs(self) -> set[str]:
        return set(self._causing["drug"])

    def _edges(self, relation: str, kind: str | None) -> pl.DataFrame:
        """Edges of a relation from a drug (to nodes of a kind): drug, other and the edge."""
        kinds = self._kg.nodes.select("id", "kind")
        rows = (
            self._kg.scan("edges")
            .filter(pl.col("relation") == relation)
            .select(
                drug="subject",
                other="object",
                edge="id",
                probability="probability",
                sources="sources",
                properties="properties",
            )
            .collect()
            .join(kinds.filter(kind="Drug"), left_on="drug", right_on="id", how="semi")
        )
        if kind is not None:
            rows = rows.join(kinds.filter(kind=kind), left_on="other", right_on="id", how="semi")
        return rows.sort("drug", "other")

    def _name(self, node: str) -> str:
        return self._names.get(node, node)

    @cached_property
    def _names(self) -> dict[str, str]:
        return dict(self._kg.nodes.select("id", "name").iter_rows())

    @cached_property
    def _parents(self) -> dict[str, list[str]]:
        rows = (
            self._kg.scan("edges")
            .filter(pl.col("relation") == "SUBCLASS_OF")
            .group_by("subject")
            .agg("object")
            .collect()
        )
        return dict(rows.iter_rows())

    @cached_property
    def _children(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for child, parents in self._parents.items():
            for parent in parents:
                found.setdefault(parent, []).append(child)
        return found

    @cached_property
    def _kinds(self) -> dict[str, str]:
        return dict(self._kg.nodes.select("id", "kind").iter_rows())

    def _wider(self, kind: str, nodes: Iterable[str]) -> list[str]:
        """All that these are forms of, by SUBCLASS_OF, within the kind; not they themselves."""
        return self._reached(self._parents, kind, nodes)

    def _reached(
        self, joined: Mapping[str, list[str]], kind: str, nodes: Iterable[str]
    ) -> list[str]:
        start = list(nodes)
        seen, frontier = set(start), start
        while frontier:
            frontier = [
                other
                for node in frontier
                for other in joined.get(node, ())
                if other not in seen and self._kinds.get(other) == kind
            ]
            seen.update(frontier)
        return sorted(seen - set(start))

    @cached_property
    def _finding_keys(self) -> pl.DataFrame:
        return self._keys(["Disease", "Symptom"])

    @cached_property
    def _drug_keys(self) -> pl.DataFrame:
        """Without the plural's s: a class is called penicillins, an allergy to it penicillin."""
        keys = self._keys(["Drug", "DrugClass"])
        name = ~pl.col("key").str.contains(":", literal=True)  # and no identifier
        bare = pl.col("key").str.strip_suffix("s")
        return keys.with_columns(key=pl.when(name).then(bare).otherwise(pl.col("key")))

    def _keys(self, kinds: Sequence[str]) -> pl.DataFrame:
        """What nodes of these kinds are known by: names, synonyms, identifiers: id, kind, key, and
        whether the key is `broad`: an identifier that several of one kind, prefix and different
        names have, so that it is of a group and not of one of them."""
        nodes = self._kg.nodes.filter(pl.col("kind").is_in(list(kinds)))
        named = nodes.select("id", "kind", key=name_key(pl.col("name")))
        also = nodes.select("id", "kind", key="synonyms").explode("key").drop_nulls()
        xrefs = nodes.select("id", "kind", key="xrefs").explode("key").drop_nulls()
        own = nodes.select("id", "kind", key="id")
        synonyms = also.with_columns(key=name_key(pl.col("key")))
        called = pl.when(pl.col("name_key") != "").then("name_key").otherwise("id")
        broad = (
            pl.concat([xrefs, own])
            .join(nodes.select("id", name=called), on="id")
            .group_by("key", "kind", prefix=pl.col("id").str.extract(r"^([^:]*):"))
            .agg(pl.col("name").n_unique())
            .filter(pl.col("name") > 1)
        )
        keys = pl.concat([named, synonyms, xrefs, own]).filter(pl.col("key") != "").unique()
        return keys.with_columns(broad=pl.col("key").is_in(broad["key"].unique().implode()))

    def _counterparts(
        self, nodes: Sequence[str], keys: pl.DataFrame
    ) -> dict[str, tuple[str, bool]]:
        """Others with the same name or cross-reference (`keys`), each with that of these nodes
        which it is the counterpart of, and whether that is by broad keys alone."""
        if not nodes:
            return {}
        own = keys.filter(pl.col("id").is_in(list(nodes)))
        found = (
            own.join(keys, on="key", suffix="_other")
            .filter(~pl.col("id_other").is_in(list(nodes)))
            .sort("broad", "id", "id_other")
            .unique("id_other", keep="first", maintain_order=True)
        )
        return {
            other: (node, broad)
            for other, node, broad in found.select("id_other", "id", "broad").iter_rows()
        }

    def _states(self) -> dict[str, set[str]]:
        """The nodes of contraindications that stand for a state, by the state."""
        held = self._finding_keys.filter(
            pl.col("id").is_in(self._contraindicated["other"].unique().implode())
        )
        found: dict[str, set[str]] = {}
        for state, names in _STATES.items():
            keys = [name_key_of(name) for name in names]
            if ids := set(held.filter(pl.col("key").is_in(keys))["id"]):
                found[state] = ids
        return found

    # What it says of a patient: dicts of kind, drug, other, edge, probability, about, text

    def _findings(self, patient: Patient) -> dict[str, tuple[str, str]]:
        """The patient's diseases and symptoms, their counterparts, and all that is wider: by
        identifier, what of the patient's it comes from, and how; what is certain goes first."""
        own = list(dict.fromkeys([*patient.diseases, *patient.also, *patient.symptoms]))
        found = {node: (node, "") for node in own}
        counterparts = self._counterparts(own, self._finding_keys)
        for doubt, how in ((False, ""), (True, _PERHAPS)):
            same = [other for other, (_, broad) in counterparts.items() if broad == doubt]
            start = [] if doubt else own
            for other in same:
                found.setdefault(other, (counterparts[other][0], f"{how}the same"))
            for node in (*start, *same):
                origin = counterparts[node][0] if node in counterparts else node
                for wider in self._wider(self._kinds[node], [node]):
                    found.setdefault(wider, (origin, f"{how}a form of it"))
        return found

    def _contraindications(self, patient: Patient) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        findings = self._findings(patient)
        asked = dict(findings)
        for state in patient.states:
            for node in self._states().get(state, ()):
                asked.setdefault(node, (state, "state"))
        for row in self._among(self._contraindicated, asked):
            origin, how = asked[row["other"]]
            what = self._name(row["other"])
            if how == "state":
                said = f"contraindicated in {what}"
            else:
                said = f"contraindicated for {what}" + self._of_patient(origin, how)
            kind = PERHAPS if how.startswith(_PERHAPS) else CONTRAINDICATED
            rows.append({**row, "kind": kind, "about": origin, "text": said})
        narrower: dict[str, tuple[str, str]] = {}
        for node in dict.fromkeys([*patient.diseases, *patient.also]):
            for form in self._reached(self._children, "Disease", [node]):
                if form not in asked:
                    narrower.setdefault(form, (node, ""))
        for row in self._among(self._contraindicated, narrower):
            origin = narrower[row["other"]][0]
            said = (
                f"contraindicated for {self._name(row['other'])}, a form of the patient's"
                f" {self._name(origin)}"
            )
            rows.append({**row, "kind": NARROWER, "about": origin, "text": said})
        return [*rows, *self._of_drugs_alike(rows)]

    def _of_drugs_alike(self, contraindications: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Of drugs that no source contraindicates, but two like them."""
        rows: list[dict[str, Any]] = []
        by_finding: dict[str, dict[str, dict[str, Any]]] = {}
        for row in contraindications:
            if row["kind"] == CONTRAINDICATED:
                by_finding.setdefault(row["about"], {}).setdefault(row["drug"], row)
        for about, told in by_finding.items():
            alike: dict[str, list[str]] = {}
            for drug in told:
                for other in self._like.get(drug, ()):
                    if other not in told:
                        alike.setdefault(other, []).append(drug)
            for drug, others in alike.items():
                if len(others) >= _ALIKE:
                    first = told[others[0]]
                    what = self._name(about)
                    named = ", ".join(map(self._name, others[:3]))
                    said = (
                        f"{len(others)} drugs like it are contraindicated for {what} ({named});"
                        " no source says so of this one"
                    )
                    more = {"kind": LIKE, "text": said, "subject": first["drug"], "drug": drug}
                    rows.append({**first, **more})
        return rows

    @cached_property
    def _like(self) -> dict[str, dict[str, str]]:
        """Of each drug those of its classes, by the class, and those that resemble it, by ""."""
        found: dict[str, dict[str, str]] = {}
        # The smallest class that two share says most.
        for shared, drugs in sorted(self._members.items(), key=lambda held: len(held[1])):
            if len(drugs) <= _LARGEST_CLASS:
                for drug, other in permutations(drugs, 2):
                    found.setdefault(drug, {}).setdefault(other, shared)
        resembling = self._edges("RESEMBLES", "Drug").filter(pl.col("drug") != pl.col("other"))
        for drug, other in resembling.select("drug", "other").iter_rows():
            found.setdefault(drug, {}).setdefault(other, "")
            found.setdefault(other, {}).setdefault(drug, "")
        return found

    @cached_property
    def _members(self) -> dict[str, list[str]]:
        """The drugs of each class."""
        rows = self._edges("IN_CLASS", "DrugClass").sort("other", "drug")
        return dict(rows.group_by("other", maintain_order=True).agg("drug").iter_rows())

    def _allergies(self, patient: Patient) -> list[dict[str, Any]]:
        recorded = self._recorded_allergies(patient)
        certain: list[dict[str, Any]] = []
        doubtful: list[dict[str, Any]] = []
        for allergen in patient.allergic:
            edge = recorded.get(allergen)
            reaction = json.loads((edge or {}).get("properties") or "{}").get("reaction")
            did = f" ({reaction})" if reaction else ""
            row = {
                **(edge or {"edge": "", "probability": None}),
                "subject": patient.id if edge else "",
                "other": allergen,
                "about": allergen,
            }
            for drug, how in self._same_drugs(allergen).items():
                said = f"the patient is allergic to {self._name(allergen)}{did}{how}"
                certain.append({**row, "kind": ALLERGY, "drug": drug, "text": said})
            whom = f"{self._name(allergen)}, to which the patient is allergic{did}"
            for drug, said, alone in self._drugs_like(allergen, whom):
                more = {"kind": ALLERGY_LIKE, "drug": drug, "text": said, "alone": alone}
                doubtful.append({**row, **more})
        told = {row["drug"] for row in certain}
        return [*certain, *(row for row in doubtful if row["drug"] not in told)]

    def _recorded_allergies(self, patient: Patient) -> dict[str, dict[str, Any]]:
        """The edges of the patient's allergies, by what the patient is allergic to."""
        if patient.id is None:
            return {}
        rows = (
            self._kg.scan("edges")
            .filter(pl.col("relation") == ALLERGIC_TO, pl.col("subject") == patient.id)
            .select("object", "probability", "properties", edge="id")
            .collect()
        )
        return {row.pop("object"): row for row in rows.to_dicts()}

    def _same(self, allergen: str) -> list[str]:
        """It, and the drugs and classes of equal name or cross-reference: a note's drug, or a
        record's, may stand beside the one that a source knows. But tetracycline, which is one of
        the tetracyclines, is not they."""
        counterparts = self._counterparts([allergen], self._drug_keys)
        kin = {*self._wider("Drug", [allergen]), *self._reached(self._children, "Drug", [allergen])}
        same = [other for other, (_, broad) in counterparts.items() if not broad]
        return [allergen, *(other for other in same if other not in kin)]

    def _same_drugs(self, allergen: str) -> dict[str, str]:
        """The drugs that are what a patient is allergic to, or of it, each with how."""
        found, classes = dict[str, str](), dict[str, str]()
        for node in self._same(allergen):
            if self._kinds.get(node) == "Drug":
                found[node] = "" if node == allergen else ", which is the same"
            else:
                same = f"; its class {self._name(node)} is the same"
                classes[node] = ", its class" if node == allergen else same
        for narrower in self._reached(self._children, "DrugClass", classes):
            classes[narrower] = f"; its class {self._name(narrower)} is a form of it"
        for node, how in classes.items():
            for drug in self._members.get(node, ()):
                found.setdefault(drug, how)
        return found

    def _drugs_like(self, allergen: str, whom: str) -> Iterator[tuple[str, str, bool]]:
        """The drugs like one that a patient is allergic to: each with a sentence, and whether it
        holds for the drug alone and not for its forms."""
        for same in self._same(allergen):
            for drug, shared in self._like.get(same, {}).items():
                how = f"shares the class {self._name(shared)} with" if shared else "resembles"
                yield drug, f"{how} {whom}; no source says so of this one", False
            for wider in self._wider("Drug", [same]):
                # What many are a form of is no drug but a sort, and says nothing of the others.
                forms = self._reached(self._children, "Drug", [wider])
                said = f"{whom}, is a form of {self._name(wider)}"
                yield wider, said, len(forms) > _LARGEST_CLASS

    def _interactions(self, patient: Patient) -> list[dict[str, Any]]:
        forms: dict[str, tuple[str, str]] = {}
        for drug in patient.taking:
            for form in (drug, *self._wider("Drug", [drug])):
                forms.setdefault(form, (drug, ""))
        rows = []
        for row in self._among(self._interacting, forms):
            origin = forms[row["other"]][0]
            effect = json.loads(row["properties"] or "{}").get("effect")
            said = f"interacts with {self._name(origin)}, which the patient takes"
            said += f": {effect}" if effect else ""
            rows.append({**row, "kind": INTERACTION, "about": origin, "text": said})
        return rows

    def _adverse_effects(self, patient: Patient) -> list[dict[str, Any]]:
        findings = self._findings(patient)
        rows = []
        for row in self._among(self._causing, findings):
            origin, how = findings[row["other"]]
            frequency = json.loads(row["properties"] or "{}").get("frequency")
            said = f"may cause {self._name(row['other'])}" + (
                f" (frequency {frequency})" if frequency else ""
            )
            said += self._of_patient(origin, how) or ", which the patient has"
            sought = {"factor": 1.0} if origin in patient.diseases else {}
            rows.append({**row, "kind": ADVERSE, "about": origin, "text": said, **sought})
        return rows

    def _of_patient(self, origin: str, how: str) -> str:
        if how == "":
            return ""
        name = self._name(origin)
        return f" (the patient's {name} is {how})"

    def _among(
        self, rows: pl.DataFrame, others: Mapping[str, tuple[str, str]]
    ) -> list[dict[str, Any]]:
        return rows.filter(pl.col("other").is_in(list(others))).to_dicts()

    def _evidence(self, edges: Sequence[str]) -> dict[str, tuple[Mapping[str, Any], ...]]:
        rows = (
            self._kg.scan("evidence")
            .filter(
                asserts_edge(),
                pl.col("edge").is_in(sorted(set(edges))),
                pl.col("polarity") == "asserted",
            )
            .select("edge", *_SHOWN)
            .collect()
            .sort("probability", "id", descending=[True, False])
            .group_by("edge", maintain_order=True)
            .head(_EVIDENCE)
        )
        found: dict[str, tuple[Mapping[str, Any], ...]] = {}
        for row in rows.iter_rows(named=True):
            edge = row.pop("edge")
            found[edge] = (*found.get(edge, ()), row)
        return found

    def _warning(
        self,
        row: Mapping[str, Any],
        drug: str,
        evidence: Mapping[str, tuple[Mapping[str, Any], ...]],
    ) -> Caution:
        said = row["text"]
        if row["drug"] != drug:
            said += f" (said of {self._name(row['drug'])}, of which it is a form)"
        relation = _RELATIONS.get(row["kind"], "CONTRAINDICATED_FOR")
        return Caution(
            kind=row["kind"],
            text=said,
            subject=row.get("subject", row["drug"]),
            relation=relation,
            object=row["other"],
            edge=row["edge"],
            about=row["about"],
            factor=row.get("factor", FACTORS.get(row["kind"], 1.0)),
            probability=row["probability"],
            evidence=evidence.get(row["edge"], ()),
        )


def _once(warnings: Iterable[Caution]) -> list[Caution]:
    """Each edge once; and of allergies that were given, which have none, each of these."""
    return list({w.edge or w.about: w for w in reversed(list(warnings))}.values())


def _held(rows: pl.DataFrame, what: str, column: str) -> str:
    sources = sorted(set(rows["sources"].explode().drop_nulls()))
    return (
        f"{rows['edge'].n_unique():,} {what} of {rows[column].n_unique():,} drugs in the graph,"
        f" from {', '.join(sources)}; a drug without any is not known to be safe"
    )
