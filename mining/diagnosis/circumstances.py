"""What is known of a patient beside phenotypes: candidate genes, age of onset, sex, age; and how
common diseases are.

Each multiplies the odds of a disease by a likelihood ratio, as far as the graph states anything
about it, and is 1 where it states nothing. They come on top of what a model makes of the
phenotypes, so that every model can use them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp

from ...core.errors import DataError
from ...core.json_reading import parse_json
from ...core.remembered import remembered
from ...graph.kg import KnowledgeGraph
from ...graph.units import OLDEST, parse_years
from .everyday import EverydayConditions
from .frequencies import FindingFrequencies
from .knowledge import Floats, Integers, Knowledge
from .matches import explaining
from .prevalence import prevalences, prior_factors, sharpness

# How often a list of candidate genes holds the causal gene, if the disease has one.
SENSITIVITY = 0.5
# How often the patient's onset is one of those stated of the disease; else it is any.
TRUST_IN_ONSET = 0.5
# How often a phenotype is met that a disease is said to show in the other sex only.
OTHER_SEX = 0.05
# How often somebody has a disease that only the other sex has: that a sex is noted wrongly.
WRONG_SEX = 0.001
# How many of those who have a disease with X-linked recessive inheritance are male: of 56 published
# cases 55 (95 % interval .92 to 1). Less is assumed, since they are of nine diseases, and women
# who carry some others (Fabry disease, ornithine transcarbamylase deficiency) are often ill.
MALE_OF_X_RECESSIVE = 0.9
_X_RECESSIVE, _X_LINKED = "X-linked recessive inheritance", "X-linked inheritance"
# How much less often than by chance a patient is of another age than is stated of the disease: of
# 2,322 published cases .013 began more than a month before the earliest onset that HPO states of
# their disease, and .147 would have with the onsets of other diseases.
UNUSUAL_AGE = 0.09
# The same of an age twice as high, or half as high, as the ages of nearly all patients that a
# curated table states: an infants' disease at 60. By judgement.
FAR_AGE = 0.002
A_MONTH = 1 / 12  # in years, by which an onset may be earlier than its term says
_AGES = re.compile(r"(\d{1,3}(?:\.\d+)?)-(\d{1,3}(?:\.\d+)?)?")
# A disease that is told apart by this word ("Pediatric systemic lupus erythematosus") has patients
# below that age in years, where neither ages nor an onset are stated. Diseases called after when
# they begin ("juvenile", "infantile") go on in adults.
_PEDIATRIC = r"(?i)\bpa?ediatric\b"
_ADULT = 18.0

# Onset of disease in HPO, in years (the definitions below HP:0003674); the largest that part the
# others are the bins.
_ONSETS = {
    "Antenatal onset": (-0.75, 0.0),
    "Embryonal onset": (-0.75, -0.55),
    "Fetal onset": (-0.55, 0.0),
    "Late first trimester onset": (-0.55, -0.5),
    "Second trimester onset": (-0.5, -0.25),
    "Third trimester onset": (-0.25, 0.0),
    "Congenital onset": (0.0, 0.003),
    "Neonatal onset": (0.003, 0.077),
    "Infantile onset": (0.077, 1.0),
    "Childhood onset": (1.0, 5.0),
    "Juvenile onset": (5.0, 16.0),
    "Pediatric onset": (0.0, 16.0),
    "Adult onset": (16.0, 100.0),
    "Young adult onset": (16.0, 40.0),
    "Early young adult onset": (16.0, 19.0),
    "Intermediate young adult onset": (19.0, 25.0),
    "Late young adult onset": (25.0, 40.0),
    "Middle age onset": (40.0, 60.0),
    "Late onset": (60.0, 100.0),
}
_BINS = (
    "Antenatal onset",
    "Congenital onset",
    "Neonatal onset",
    "Infantile onset",
    "Childhood onset",
    "Juvenile onset",
    "Young adult onset",
    "Middle age onset",
    "Late onset",
)

# As `onset_group` names them, from the earliest.
ONSET_GROUPS = tuple(
    name.removesuffix(" onset").lower()
    for name in sorted(_ONSETS, key=lambda name: (_ONSETS[name][0], -_ONSETS[name][1]))
)


@dataclass(frozen=True)
class Circumstances:
    """What is given of a patient beside phenotypes.

    Attributes:
        genes: candidate genes, by symbol or identifier.
        onset: a term of HPO's onsets ("Childhood onset") or an age as ISO 8601 duration ("P3Y6M").
        sex: "female" or "male".
        age: in years.
        prevalence: whether common diseases go before rare ones, see `prevalence`.
    """

    genes: tuple[str, ...] = ()
    onset: str | None = None
    sex: str | None = None
    age: float | None = None
    prevalence: bool = True

    def __bool__(self) -> bool:
        return bool(self.genes or self.onset or self.sex or self.age is not None or self.prevalence)


USUAL = Circumstances()  # nothing but how common diseases are


class Factors:
    """The likelihood ratios of the diseases for one patient's circumstances.

    Args:
        of_published_cases: whether the probabilities that they multiply were fitted on the
            published cases that come with medkg: with prevalence these are sharpened
            (`prevalence.sharpness`), of which nothing is known for others.

    Attributes:
        fixed: for each thing given, the logarithms of its factors, one a disease.
        genes: for each disease (row), names of the candidate genes that it is associated with.
        prevalence: of each disease, of 100,000 people; null where it doesn't count.

    Raises:
        MissingError: a gene that the graph doesn't have.
        DataError: an onset, a sex or an age that is none.
    """

    def __init__(
        self,
        kg: KnowledgeGraph,
        knowledge: Knowledge,
        circumstances: Circumstances,
        *,
        of_published_cases: bool = False,
    ):
        self.fixed: dict[str, Floats] = {}
        self.genes: dict[int, list[str]] = {}
        self.prevalence: Floats | None = None
        self._other_sex: sp.csr_matrix | None = None
        if circumstances.prevalence:
            self.prevalence = prevalences(kg, knowledge)
            prior = prior_factors(self.prevalence, sharpened=of_published_cases)
            self.fixed["prevalence"] = prior
        # Both count where the probabilities are sharpened.
        self._frequencies: FindingFrequencies | None = None
        self._everyday: EverydayConditions | None = None
        if self.prevalence is not None and of_published_cases:
            self._frequencies = FindingFrequencies(knowledge, self.prevalence)
            self._everyday = EverydayConditions(knowledge, circumstances.age)
        if circumstances.genes:
            self.fixed["gene"] = self._gene_factors(kg, knowledge, circumstances.genes)
        if circumstances.onset:
            self.fixed["onset"] = _onset_factors(kg, knowledge, circumstances.onset)
        if circumstances.sex:
            if circumstances.sex not in ("female", "male"):
                raise DataError(f"sex is female or male, not {circumstances.sex!r}")
            self._other_sex = _limited_to_others(kg, knowledge, circumstances.sex)
            self.fixed["sex"] = _of_other_sex_factors(kg, knowledge, circumstances.sex)
        if circumstances.age is not None:
            if not 0 <= circumstances.age <= OLDEST:
                raise DataError(
                    f"an age is between 0 and {OLDEST} years, not {circumstances.age:g}"
                )
            self.fixed["age"] = _age_factors(kg, knowledge, circumstances.age)

    def by_name(self, knowledge: Knowledge, patients: Sequence[Integers]) -> dict[str, Floats]:
        """Logarithms of the factors of each thing given: patients × diseases, or 1 × diseases.

        How common a disease is counts for those that explain anything a patient shows: what is
        sought is the disease that the patient's findings come from, and how many people have a
        disease that shows none of them says nothing about that.
        """
        by_name = {name: factors[None, :] for name, factors in self.fixed.items()}
        if self.prevalence is not None:
            explained = explaining(knowledge, patients)
            prior = by_name["prevalence"]
            by_name["prevalence"] = np.where(explained, prior, np.minimum(prior, 0))
        if self._other_sex is not None:
            shown = (knowledge.present(patients) @ self._other_sex.T).toarray()
            by_name["sex"] = by_name["sex"] + (shown * np.log(OTHER_SEX)).astype(np.float32)
        return by_name

    @property
    def of_a_clinic(self) -> bool:
        """Whether the probabilities are those of a clinic's patients: how common diseases are
        counts, and how often they show each finding."""
        return self._frequencies is not None

    @property
    def everyday(self) -> Integers:
        """Columns of the phenotypes that are everyday conditions; none where these don't count."""
        return np.zeros(0, dtype=np.int64) if self._everyday is None else self._everyday.columns

    def split(self, patient: Integers) -> tuple[Integers, Integers]:
        """A patient's findings that are to be explained, and the everyday conditions beside them:
        see `EverydayConditions`; none where these don't count."""
        return (patient, patient[:0]) if self._everyday is None else self._everyday.split(patient)

    def weighed(
        self,
        logs: Floats,
        shown: Sequence[Integers],
        conditions: Sequence[Integers],
        *,
        as_sharp_as: Integers | None = None,
    ) -> Floats:
        """What patients' findings say of the diseases in a clinic, patients × diseases.

        Args:
            logs: logarithms of the probabilities by what is to be explained, patients × diseases.
            shown: of each patient what is to be explained, or, where that is nothing, the everyday
                conditions.
            conditions: the everyday conditions of each, see `split`.
            as_sharp_as: the findings that say how much the logarithms are multiplied by
                (`prevalence.sharpness`); by default each patient's own.
        """
        if self._frequencies is None or self._everyday is None:
            return logs
        sharp_by = shown if as_sharp_as is None else [as_sharp_as]
        numbers = np.array([len(patient) for patient in sharp_by], dtype=np.int64)
        logs = sharpness(numbers)[:, None] * logs + self._frequencies.log_ratios(shown)
        return logs + self._everyday.log_ratios(conditions)

    def log_factors(self, knowledge: Knowledge, patients: Sequence[Integers]) -> Floats:
        """Logarithms of the product of all factors: patients × diseases."""
        total = np.zeros((len(patients), len(knowledge.diseases)), dtype=np.float32)
        for factors in self.by_name(knowledge, patients).values():
            total += factors
        return total

    def _gene_factors(
        self, kg: KnowledgeGraph, knowledge: Knowledge, genes: Sequence[str]
    ) -> Floats:
        """log P(candidates | disease) / P(candidates).

        Of N genes that any disease is associated with, n are given. With s the sensitivity, they
        hold the causal gene with probability s and are n of N by chance otherwise: a disease
        that is associated with one of them has the ratio s N / n + 1 - s, one that is associated
        with others only 1 - s, and one without a known gene 1.
        """
        ids = list(dict.fromkeys(kg.resolve(gene, "Target") for gene in genes))
        names = dict(kg.nodes.filter(pl.col("id").is_in(ids)).select("id", "name").iter_rows())
        joined = kg.edges.filter(relation="ASSOCIATED_WITH").select("subject", "object")
        known = joined.with_columns(
            row=pl.col("subject").replace_strict(
                knowledge.disease_rows, default=None, return_dtype=pl.Int64
            )
        ).drop_nulls("row")
        factors = np.zeros(len(knowledge.diseases), dtype=np.float32)
        factors[known["row"].to_numpy()] = np.log(1 - SENSITIVITY)
        for row, gene in known.filter(pl.col("object").is_in(ids)).select("row", "object").rows():
            self.genes.setdefault(row, []).append(names[gene])
        of_all = max(known["object"].n_unique(), len(ids))
        factors[list(self.genes)] = np.log(SENSITIVITY * of_all / len(ids) + 1 - SENSITIVITY)
        self.genes = {row: sorted(set(names)) for row, names in self.genes.items()}
        return factors


def years_of_onset(text: str) -> tuple[float, float]:
    """The ages, in years, from and to which an onset may be.

    Raises:
        DataError: neither a term of HPO's onsets nor an age.
    """
    for term, span in _ONSETS.items():
        if text.casefold() in (term.casefold(), term.removesuffix(" onset").casefold()):
            return span
    if (age := parse_years(text.upper())) is not None:
        return age, age
    raise DataError(f"onset {text!r} is neither an age (P3Y6M) nor one of {', '.join(_ONSETS)}")


def onset_group(text: str | None) -> str | None:
    """The one of HPO's onsets from antenatal to late that an onset falls into, without the word
    onset; an onset that spans several (`Adult onset`) is its own. None where it is no onset."""
    try:
        span = years_of_onset(text or "")
    except DataError:
        return None
    groups = [name for name, inside in zip(_BINS, _bins_of(span), strict=True) if inside]
    own = [name for name, years in _ONSETS.items() if years == span]
    return next(iter(groups if len(groups) == 1 else own), "").removesuffix(" onset").lower()


def _bins_of(span: tuple[float, float]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    begin, end = span
    spans = [_ONSETS[name] for name in _BINS]
    if begin == end:
        return np.array([low <= begin < high for low, high in spans])
    return np.array([low < end and begin < high for low, high in spans])


_PROPERTIES = ("ages", "course", "inheritance", "sex")


@remembered
def _properties(kg: KnowledgeGraph) -> dict[str, list[tuple[str, Any]]]:
    """For each property that says who has a disease, the diseases that state it and what they do.

    Each patient of a series has other circumstances, and the graph says the same of all of them.
    """
    diseases = kg.nodes.filter(kind="Disease").select("id", "properties").drop_nulls()
    stated: dict[str, list[tuple[str, Any]]] = {name: [] for name in _PROPERTIES}
    for disease, text in diseases.iter_rows():
        properties = parse_json(text)
        for name in _PROPERTIES:
            if (value := properties.get(name)) is not None:
                stated[name].append((disease, value))
    return stated


def _stated(kg: KnowledgeGraph, knowledge: Knowledge, name: str) -> Iterator[tuple[int, Any]]:
    """The rows of the diseases whose nodes state a property, each with what it states."""
    for disease, value in _properties(kg)[name]:
        if (row := knowledge.disease_rows.get(disease)) is not None:
            yield row, value


def _onsets(kg: KnowledgeGraph, knowledge: Knowledge) -> Iterator[tuple[int, str]]:
    """The rows of the diseases of which an onset is stated, with each of HPO's terms for it."""
    for row, course in _stated(kg, knowledge, "course"):
        for term in course:
            if term in _ONSETS:
                yield row, term


def earliest_onsets(kg: KnowledgeGraph, knowledge: Knowledge) -> dict[int, float]:
    """The row of each disease of which an onset is stated, with the earliest age of it in years."""
    earliest: dict[int, float] = {}
    for row, term in _onsets(kg, knowledge):
        earliest[row] = min(_ONSETS[term][0], earliest.get(row, OLDEST))
    return earliest


def _onset_factors(kg: KnowledgeGraph, knowledge: Knowledge, onset: str) -> Floats:
    """log P(onset | disease) / P(onset), over HPO's onsets from antenatal to late.

    P(onset | disease) = t / (number of onsets stated) for those stated, plus (1 - t) P(onset), with
    P(onset) the mean over the diseases of which an onset is stated, and t the trust in it.
    """
    onset_bins = _bins_of(years_of_onset(onset))
    stated: dict[int, set[int]] = {}
    for row, term in _onsets(kg, knowledge):
        stated.setdefault(row, set()).update(np.flatnonzero(_bins_of(_ONSETS[term])))
    factors = np.zeros(len(knowledge.diseases), dtype=np.float32)
    if not stated or not onset_bins.any():
        return factors
    shares = np.zeros((len(stated), len(_BINS)))
    for at, bins in enumerate(stated.values()):
        shares[at, list(bins)] = 1 / len(bins)
    usual = float(shares.mean(axis=0)[onset_bins].sum())
    if usual > 0:
        own = shares[:, onset_bins].sum(axis=1)
        factors[list(stated)] = np.log(TRUST_IN_ONSET * own / usual + 1 - TRUST_IN_ONSET)
    return factors


@remembered
def _pediatric(kg: KnowledgeGraph) -> list[str]:
    return kg.nodes.filter(pl.col("name").str.contains(_PEDIATRIC), kind="Disease")["id"].to_list()


def _age_factors(kg: KnowledgeGraph, knowledge: Knowledge, age: float) -> Floats:
    """(diseases,), for those that patients of that age don't have.

    A disease states the ages of its patients in completed years (property `ages` of its node, `0-2`
    or `45-`; what is written otherwise says nothing), or is met from a month before the earliest of
    its onsets on; a pediatric one of which neither is stated is met in children.
    """
    spans: dict[int, list[tuple[float, float]]] = {}
    for row, ages in _stated(kg, knowledge, "ages"):
        if match := _AGES.fullmatch(str(ages).strip()):
            last = float(match[2] or OLDEST)
            until = last + 1 if last.is_integer() else last
            spans.setdefault(row, []).append((float(match[1]), until))
    # Entries of one disease that differ: what the ages say goes before onsets, any of them counts.
    onsets = {
        row: [(begin - A_MONTH, float(OLDEST + 1))]
        for row, begin in earliest_onsets(kg, knowledge).items()
    }
    rows = (knowledge.disease_rows.get(disease) for disease in _pediatric(kg))
    pediatric = {row: [(0.0, _ADULT)] for row in rows if row is not None}
    factors = np.zeros(len(knowledge.diseases), dtype=np.float32)
    for row, of_row in (pediatric | onsets | spans).items():
        if not any(begin <= age < until for begin, until in of_row):
            is_near = row not in spans or any(b / 2 <= age < 2 * u for b, u in of_row)
            factors[row] = np.log(UNUSUAL_AGE if is_near else FAR_AGE)
    return factors


def _of_other_sex_factors(kg: KnowledgeGraph, knowledge: Knowledge, sex: str) -> Floats:
    """(diseases,), for those that only the other sex has (property `sex` of their nodes), and for
    those whose only inheritance is X-linked recessive, which nearly all patients are male of."""
    factors = np.zeros(len(knowledge.diseases), dtype=np.float32)
    for row, of_one in _stated(kg, knowledge, "sex"):
        if of_one in ("female", "male") and of_one != sex:
            factors[row] = np.log(WRONG_SEX)
    share = MALE_OF_X_RECESSIVE if sex == "male" else 1 - MALE_OF_X_RECESSIVE
    factors[sorted(x_recessive_rows(kg, knowledge))] += np.log(share / 0.5)
    return factors


def x_recessive_rows(kg: KnowledgeGraph, knowledge: Knowledge) -> set[int]:
    """The rows of the diseases of which no inheritance is stated but X-linked recessive."""
    inherited: dict[int, set[str]] = {}
    for row, inheritance in _stated(kg, knowledge, "inheritance"):
        inherited.setdefault(row, set()).update(inheritance)
    return {
        row
        for row, terms in inherited.items()
        if _X_RECESSIVE in terms and terms <= {_X_RECESSIVE, _X_LINKED}
    }


@remembered
def _limited_symptoms(kg: KnowledgeGraph) -> pl.DataFrame:
    """The phenotypes that a disease is said to show in one sex: subject, object, sex."""
    sex = pl.col("properties").str.json_path_match("$.sex")
    shown = kg.edges.filter(relation="HAS_SYMPTOM").select("subject", "object", sex=sex)
    return shown.filter(pl.col("sex").is_in(["female", "male"]))


def _limited_to_others(kg: KnowledgeGraph, knowledge: Knowledge, sex: str) -> sp.csr_matrix:
    """diseases × phenotypes, 1 where the annotations state the phenotype in the other sex only."""
    limited = _limited_symptoms(kg).filter(pl.col("sex") != sex)
    places = {
        (knowledge.disease_rows[disease], knowledge.phenotype_columns[phenotype])
        for disease, phenotype, _ in limited.iter_rows()
        if disease in knowledge.disease_rows and phenotype in knowledge.phenotype_columns
    }
    rows, columns = [row for row, _ in places], [column for _, column in places]
    shape = (len(knowledge.diseases), len(knowledge.phenotypes))
    return sp.csr_matrix((np.ones(len(places), dtype=np.float32), (rows, columns)), shape=shape)
