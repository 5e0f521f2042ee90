"""Runs of a note's words and the names of phenotypes that they are like, with features of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from ..spoken_numbers import UP_TO_99
from .vectors import PhraseVectors, Rows, words_in

MAX_TOKENS = 9  # of a run
MIN_TOKENS = 2  # one word alone is a name, or says too little
_MIN_LIKENESS = 0.62  # cosine; below it hardly any is right (the training notes)
_NAMES_OF_RUN = 6  # phenotypes of each run that are looked at
_CHUNK = 128  # runs compared with all names at once, to bound the memory
_BESIDE = 3  # words beside a run that are looked at
_BEFORE = 4  # words before a run in which one is said to be able, or not
_SHORT = 40  # tokens; what is shorter counts as so long, as no shorter notes were learned from
# What is longer counts as so long: the long texts that were learned from are published reports,
# which call nearly all by its name; a doctor's long note doesn't.
_LONG = 220
_AROUND = 30  # words on either side that tell how plainly a text is written
_MATTERS = 0.4  # from which weight on a word should have a counterpart
_COUNTERPART = 0.6  # cosine of two words from which on they are taken for such
_SAME = 0.98
# What denies: a run must have as many of these as the name that it means.
_DENIALS = frozenset(
    "no not none never neither nor nothing without absent absence lack lacks lacking cannot cant"  # noqa: SIM905
    " dont doesnt didnt isnt wasnt wont couldnt unable denies denied".split()
)
# What a name says is hard or lost, and what says that somebody is able to: who "can climb stairs"
# has no "difficulty climbing stairs", and who "can only climb three" may have.
_DEFICITS = frozenset(
    "difficulty difficulties trouble problem problems hard unable inability cannot cant impaired"  # noqa: SIM905
    " impairment poor poorly reduced decreased limited loss lost lose loses losing weak weakness"
    " disability struggles struggling fails failure slow slowness absent deficit delayed".split()
)
_ABLE = frozenset(("can", "could", "able", "manages", "managed"))
_LIMITS = _DENIALS | frozenset(("only", "hardly", "barely", "scarcely", "longer", "just"))
_EASE = frozenset(("difficulty", "trouble", "problem", "problems", "effort", "help", "support"))
# What a finding neither begins nor ends with: function words, and who the patient is.
_EDGES = frozenset(
    "a an the and or but of in on at to for from with by is was are were be been has had have his"  # noqa: SIM905
    " her my he she it its their they i we you your our me him them this that these those which who"
    " as so when while if than then also very since until s t us any just now there longer more"
    " can could would will may might do does did"
    " boy girl man woman lady gentleman baby child infant patient mother father mum mom dad son"
    " daughter sister brother year years old month months week weeks day days aged age".split()
)
# What says when or how often, or where, and is no finding by itself: "lasting 20 minutes", "three
# times a week", "the right side of the chest"; but of both "six toes" is made.
_WHEN = frozenset(UP_TO_99) | frozenset(
    "second seconds minute minutes hour hours hourly day days daily night nights nightly week"  # noqa: SIM905
    " weeks weekly month months monthly year years yearly morning afternoon evening today yesterday"
    " time times once twice thrice half about around roughly approximately nearly almost over per"
    " each every several few couple many lasting lasts lasted last past ago since until after"
    " before during within first next same whole entire another only often always".split()
)
_WHERE = frozenset(
    "side sides right left both either upper lower middle inner outer front top bottom part area"  # noqa: SIM905
    " region level here there near above below under chest belly abdomen abdominal back neck head"
    " face arm arms leg legs hand hands foot feet finger fingers toe toes knee knees hip hips"
    " elbow elbows shoulder shoulders wrist wrists ankle ankles thigh thighs calf calves eye eyes"
    " ear ears nose mouth throat lip lips cheek cheeks tongue skin body trunk groin".split()
)
# What calls a part or a result normal.
_NORMAL = frozenset(
    "normal normally unremarkable negative intact clear fine well good undetectable nonreactive"  # noqa: SIM905
    " stable resolved recovered improved".split()
)
# What says so of all that stands before it, and what may stand between ("lungs both normal").
_ALL_NORMAL = frozenset(("normal", "unremarkable", "intact"))
_BETWEEN = frozenset(
    "is are was were be been appear appears appeared look looks looked seem seems both all entirely"  # noqa: SIM905
    " completely grossly within".split()
)
_COMPARED = frozenset("above below over under than twice from".split())  # noqa: SIM905
_GOES_ON = frozenset("and but on in at for with bilaterally throughout today limits range".split())  # noqa: SIM905
# What is known of a run and a name; see `candidates_of`.
FEATURES = (
    "likeness",
    # How much of the weight of the name's words has counterparts in the run, how like the least
    # of those that matter, the weight of those that have none; the same of the run's words.
    "name_found", "least_of_name", "name_missing", "run_found", "least_of_run", "run_missing",
    "same_words", "weight_of_name", "weight_of_run", "length_ratio",
    "tokens", "words_of_name", "is_lay", "ahead",
    # How like the name, and the run, the words beside the run are: one, and three.
    "before_name", "before_run", "after_name", "after_run",
    "three_before_name", "three_before_run", "three_after_name", "three_after_run",
    # Whether a word in or near the run calls something normal, a number follows, how much the words
    # around matter (little where people speak plainly), and how long the text is: the more it says,
    # the more formal it mostly is, and formal texts call findings by their names.
    "says_normal", "number_after", "weight_around", "text_length",
)  # fmt: skip


@dataclass(frozen=True)
class Names:
    """The names that runs of words are compared with.

    Attributes:
        identifiers: of the phenotypes, a name each.
        texts: the names.
        is_lay: whether a name is of laymen.
        phenotype: numbers of the identifiers, equal for the names of one.
        word_counts: of the names.
        denials: how many words of a name deny.
        is_deficit: whether a name that is not of laymen, of the same phenotype, says that
            something is hard or lost.
        rows: of their words, see `PhraseVectors`.
        vectors: (names, dimensions), unit vectors.
    """

    identifiers: tuple[str, ...]
    texts: tuple[str, ...]
    is_lay: NDArray[np.bool_]
    phenotype: NDArray[np.intp]
    word_counts: NDArray[np.intp]
    denials: NDArray[np.intp]
    is_deficit: NDArray[np.bool_]
    rows: Rows
    vectors: NDArray[np.float32]

    @classmethod
    def of(cls, vectors: PhraseVectors, named: Iterable[tuple[str, str, bool]]) -> Names:
        """The names of phenotypes (identifier, name, is lay); of equal words of one the first."""
        unique: dict[tuple[str, tuple[str, ...]], tuple[str, bool]] = {}
        for identifier, text, lay in named:
            if words := tuple(words_in(text)):
                unique.setdefault((identifier, words), (text, lay))
        identifiers = tuple(identifier for identifier, _ in unique)
        split = [words for _, words in unique]
        rows = vectors.rows_of(split)
        numbers = {identifier: n for n, identifier in enumerate(dict.fromkeys(identifiers))}
        deficits = {
            identifier
            for (identifier, of_name), (_, lay) in unique.items()
            if not lay and not _DEFICITS.isdisjoint(of_name)
        }
        return cls(
            identifiers,
            tuple(text for text, _ in unique.values()),
            np.array([lay for _, lay in unique.values()], dtype=bool),
            np.array([numbers[identifier] for identifier in identifiers], dtype=np.intp),
            np.array([len(of_name) for of_name in split], dtype=np.intp),
            np.array([denials_in(of_name) for of_name in split], dtype=np.intp),
            np.array([identifier in deficits for identifier in identifiers], dtype=bool),
            rows,
            vectors.encode(rows),
        )


@dataclass(frozen=True)
class Candidates:
    """What runs of tokens may mean, a row a run and phenotype.

    Attributes:
        start, end: tokens [start, end).
        name: number of the name that is likest.
        features: (rows, `FEATURES`).
    """

    start: NDArray[np.intp]
    end: NDArray[np.intp]
    name: NDArray[np.intp]
    features: NDArray[np.float32]

    @classmethod
    def joined(cls, parts: Sequence[Candidates]) -> Candidates:
        """The rows of several."""
        return cls(
            np.concatenate([each.start for each in parts]),
            np.concatenate([each.end for each in parts]),
            np.concatenate([each.name for each in parts]),
            np.concatenate([each.features for each in parts]),
        )

    def where(self, is_kept: NDArray[np.bool_]) -> Candidates:
        """The rows that are kept."""
        return Candidates(
            self.start[is_kept], self.end[is_kept], self.name[is_kept], self.features[is_kept]
        )


def runs_of(words: Sequence[str], is_free: Sequence[bool], begins: Sequence[bool]) -> list[slice]:
    """The runs of tokens that may be a finding: within a clause, from a word that says something.

    Args:
        words: the tokens in lower case; "" where they are no words.
        is_free: whether a token may be part of one.
        begins: whether a sentence begins with it.
    """
    is_edge = [is_free[n] and bool(word) and word not in _EDGES for n, word in enumerate(words)]
    says_when = [word in _WHEN or word.isdigit() for word in words]
    says_where = [word in _WHERE for word in words]
    says_more = [
        is_edge[n] and not (word in _DENIALS or says_when[n] or says_where[n])
        for n, word in enumerate(words)
    ]

    def says_something(run: slice) -> bool:
        return any(says_more[run]) or (any(says_when[run]) and any(says_where[run]))

    runs = []
    for start in range(len(words)):
        if not is_edge[start]:
            continue
        for end in range(start + 1, min(len(words), start + MAX_TOKENS) + 1):
            last = end - 1
            if not is_free[last] or (last > start and begins[last]):
                break
            run = slice(start, end)
            if is_edge[last] and end - start >= MIN_TOKENS and says_something(run):
                runs.append(run)
    if _ALL_NORMAL.isdisjoint(words):
        return runs
    return [run for run in runs if not is_normal(words, run)]


def is_normal(words: Sequence[str], run: slice) -> bool:
    """Whether a run, or what follows it, says that all is normal with what it names."""
    behind = list(takewhile(bool, words[run.stop : run.stop + _BESIDE + 2]))
    between = list(takewhile(_BETWEEN.__contains__, behind))
    verdict, following = [*behind[len(between) :], "", ""][:2]
    is_last = not following or following in _GOES_ON  # "normal values" are none
    is_called = (verdict in _ALL_NORMAL and is_last) or words[run.stop - 1] in _ALL_NORMAL
    return is_called and denials_in(words[run]) == 0 and _COMPARED.isdisjoint(words[run])


def denials_in(words: Iterable[str]) -> int:
    """How many of some words deny."""
    return sum(word in _DENIALS for word in words)


def is_able(words: Sequence[str], run: slice) -> bool:
    """Whether words around a run, or in it, say that somebody can do what it names.

    They are looked for up to what is no word: a comma, a full stop.
    """
    before = list(takewhile(bool, reversed(words[max(0, run.start - _BEFORE) : run.start])))
    behind = list(takewhile(bool, words[run.stop : run.stop + _BESIDE]))
    inside = words[run]
    if not _LIMITS.isdisjoint(before):
        return False
    near = [*inside, *behind]
    if "without" in near and not _EASE.isdisjoint(near[near.index("without") :]):
        return _LIMITS.isdisjoint(near[: near.index("without")])
    is_said = not _ABLE.isdisjoint([*before[:2], inside[0]])
    return is_said and _LIMITS.isdisjoint(inside) and _DEFICITS.isdisjoint(inside)


def candidates_of(
    vectors: PhraseVectors,
    names: Names,
    words: Sequence[str],
    is_number: Sequence[bool],
    runs: Sequence[slice],
) -> Candidates:
    """The phenotypes that the runs of a text's words are likest, with features.

    Args:
        words: of the text, as for `runs_of`.
        is_number: whether a token is a number.
        runs: of tokens.
    """
    if not runs:
        none = np.zeros(0, dtype=np.intp)
        return Candidates(none, none, none, np.zeros((0, len(FEATURES)), dtype=np.float32))
    rows = vectors.rows_of([words[run] for run in runs])
    encoded = vectors.encode(rows)
    denials = np.array([denials_in(words[each]) for each in runs], dtype=np.intp)
    able = np.array([is_able(words, each) for each in runs], dtype=bool)
    run, name, likeness, ahead = _likest(encoded, names, denials, able)
    start = np.array([each.start for each in runs], dtype=np.intp)[run]
    end = np.array([each.stop for each in runs], dtype=np.intp)[run]
    features = [
        likeness,
        *_overlap(vectors, names.rows[name], rows[run]),
        end - start,
        names.word_counts[name],
        names.is_lay[name],
        ahead,
    ]
    for beside in _beside(words, runs):
        of_run = vectors.encode(vectors.rows_of(beside))[run]
        for other in (names.vectors[name], encoded[run]):
            features.append(np.einsum("nd,nd->n", of_run, other))
    near = [slice(max(0, each.start - _BESIDE), each.stop + _BESIDE) for each in runs]
    features += [
        np.array([not _NORMAL.isdisjoint(words[each]) for each in near])[run],
        np.array([any(is_number[each.stop : each.stop + 2]) for each in runs])[run],
        _weight_around(vectors, words)[start],
        np.full(len(run), np.log(min(max(len(words), _SHORT), _LONG))),
    ]
    table = np.stack([np.asarray(column, dtype=np.float32) for column in features], axis=1)
    return Candidates(start, end, name, table)


def _weight_around(vectors: PhraseVectors, words: Sequence[str]) -> NDArray[np.float32]:
    """The mean weight of the words around each token; an unknown word has the usual one."""
    weights = [
        float(vectors.weights[vectors.rows[word]]) if word in vectors.rows else 1.0
        for word in words
    ]
    is_word = np.array([bool(word) for word in words], dtype=np.float32)
    window = np.ones(2 * _AROUND + 1, dtype=np.float32)
    total = np.convolve(np.array(weights, dtype=np.float32) * is_word, window)
    count = np.convolve(is_word, window)
    means: NDArray[np.float32] = total / np.maximum(count, 1)
    return means[_AROUND : _AROUND + len(words)]


def _beside(words: Sequence[str], runs: Sequence[slice]) -> Iterator[list[list[str]]]:
    """The word before each run, the one behind, the three before and the three behind."""
    for most in (1, _BESIDE):
        yield [[*words[max(0, run.start - most) : run.start]] for run in runs]
        yield [[*words[run.stop : run.stop + most]] for run in runs]


def _likest(
    queries: NDArray[np.float32],
    names: Names,
    denials: NDArray[np.intp],
    able: NDArray[np.bool_],
) -> tuple[Rows, Rows, NDArray[np.float32], NDArray[np.float32]]:
    """The phenotypes that runs are likest: numbers of runs and names, likeness, and lead.

    The lead is over the next phenotype of the same run, of the last over what is too unlike.
    """
    parts: list[tuple[Rows, Rows, NDArray[np.float32]]] = []
    for first in range(0, len(queries), _CHUNK):
        chunk = slice(first, first + _CHUNK)
        likeness = queries[chunk] @ names.vectors.T
        # Of one dimension, which NumPy looks through several times as fast as of two.
        places = np.flatnonzero((likeness >= _MIN_LIKENESS).ravel())
        run, name = np.divmod(places, len(names.texts))
        fits = denials[chunk][run] == names.denials[name]
        run, name = run[fits], name[fits]
        parts.append((run + first, name, likeness[run, name]))
    run, name, likeness = (np.concatenate(part) for part in zip(*parts, strict=True))
    # The likest name of each phenotype of a run, then the first few phenotypes of each.
    order = np.lexsort((name, -likeness, names.phenotype[name], run))
    run, name, likeness = run[order], name[order], likeness[order]
    is_first = _differs(run) | _differs(names.phenotype[name])
    run, name, likeness = run[is_first], name[is_first], likeness[is_first]
    order = np.lexsort((name, -likeness, run))
    run, name, likeness = run[order], name[order], likeness[order]
    starts = np.flatnonzero(_differs(run))
    of_run = np.diff([*starts, len(run)])
    place = np.arange(len(run)) - np.repeat(starts, of_run)
    # Who is able to do what a run is likest to be unable to do shows nothing by it.
    shows_nothing = np.repeat(able[run[starts]] & names.is_deficit[name[starts]], of_run)
    following = np.append(likeness[1:], _MIN_LIKENESS)
    is_last = np.append(_differs(run)[1:], True) if len(run) else np.zeros(0, dtype=bool)
    ahead = likeness - np.where(is_last, _MIN_LIKENESS, following)
    kept = (place < _NAMES_OF_RUN) & ~shows_nothing
    return run[kept], name[kept], likeness[kept], ahead[kept].astype(np.float32)


def _differs(values: Rows) -> NDArray[np.bool_]:
    """Whether each value differs from the one before it; the first does."""
    return np.append(np.ones(min(1, len(values)), dtype=bool), values[1:] != values[:-1])


def _overlap(vectors: PhraseVectors, name_rows: Rows, run_rows: Rows) -> list[NDArray[np.float32]]:
    """How far the words of names and of runs have counterparts in each other."""
    name_rows = name_rows[:, : max(1, int((name_rows > 0).sum(axis=1).max(initial=0)))]
    run_rows = run_rows[:, : max(1, int((run_rows > 0).sum(axis=1).max(initial=0)))]
    pairs = np.einsum("nid,njd->nij", vectors.directions[name_rows], vectors.directions[run_rows])
    of_name, of_run = pairs.max(axis=2), pairs.max(axis=1)
    name_weights, run_weights = vectors.weights[name_rows], vectors.weights[run_rows]
    name_total, run_total = name_weights.sum(axis=1), run_weights.sum(axis=1)
    is_same = ((of_name >= _SAME) & (name_rows > 0)).sum(axis=1)
    return [
        *_counterparts(of_name, name_weights),
        *_counterparts(of_run, run_weights),
        is_same / np.maximum((name_rows > 0).sum(axis=1), 1),
        name_total,
        run_total,
        np.minimum(np.log(np.maximum(run_total, 1e-6) / np.maximum(name_total, 1e-6)), 1),
    ]


def _counterparts(
    likeness: NDArray[np.float32], weights: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """How much of the words' weight has counterparts, the least of those that matter, what hasn't.

    Args:
        likeness: of each word to the likest one of the other phrase, (phrases, words).
        weights: the same shape; 0 where there is no word.
    """
    total = np.maximum(weights.sum(axis=1), 1e-6)
    least = np.where(weights >= _MATTERS, likeness, 1.0).min(axis=1)
    missing = (weights * (likeness < _COUNTERPART)).sum(axis=1)
    return (weights * likeness).sum(axis=1) / total, least, missing
