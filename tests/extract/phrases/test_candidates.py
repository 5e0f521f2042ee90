"""Runs of words, what they are like, and the features of both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medkg.extract.phrases import candidates as module
from medkg.extract.phrases.candidates import (
    FEATURES,
    MAX_TOKENS,
    MIN_TOKENS,
    Candidates,
    Names,
    candidates_of,
    is_able,
    is_normal,
    runs_of,
)
from medkg.extract.phrases.vectors import PhraseVectors
from tests.extract.phrases.made_phrases import NAMED, made_vectors

SENTENCE = "he was well until he coughed up a little blood at 7 today , and his eyes jump"
TEXT = SENTENCE.split()
WORDS = [word if word.isalpha() else "" for word in TEXT]


# Words that have nothing in common.
APART = PhraseVectors(
    {"eyes": 1, "jump": 2, "jerk": 3, "jumping": 4},
    np.concatenate([np.zeros((1, 4)), np.diag([1, 0.9, 0.8, 0.7])]).astype(np.float32),
)


@pytest.fixture(scope="module")
def vectors() -> PhraseVectors:
    return made_vectors()


def read(
    vectors: PhraseVectors, text: str, named: list[tuple[str, str, bool]] = NAMED
) -> tuple[Candidates, Names, list[str]]:
    tokens = text.split()
    words = [token if token.isalpha() else "" for token in tokens]
    names = Names.of(vectors, named)
    runs = runs_of(words, [bool(w) for w in words], [n == 0 for n in range(len(words))])
    numbers = [token.isdigit() for token in tokens]
    return candidates_of(vectors, names, words, numbers, runs), names, words


def feature(candidates: Candidates, name: str) -> np.ndarray:
    return candidates.features[:, FEATURES.index(name)]


@pytest.mark.parametrize(
    ("text", "able"),
    [
        ("she can climb stairs", True),
        ("able to climb stairs", True),
        ("she can only climb stairs", False),
        ("she can hardly climb stairs", False),
        ("she could no longer climb stairs", False),
        ("she cannot climb stairs without help", False),
        ("she is not able to climb stairs", False),
        ("unable to climb stairs without help", False),
        ("she can climb stairs without difficulty", True),
        ("she does what she can . climb stairs", False),
        ("hard to climb stairs", False),
        ("climb stairs without difficulty", True),
        ("climb stairs without any help", True),
        ("climb stairs without a coat", False),
        ("he manages to climb stairs", True),
        ("climb stairs", False),
    ],
)
def test_who_can_do_something(text: str, able: bool) -> None:
    words = [word if word.isalpha() else "" for word in text.split()]
    start = words.index("climb")
    assert is_able(words, slice(start, start + 2)) is able


@pytest.mark.parametrize(
    ("text", "run", "normal"),
    [
        ("heart and lungs normal", "heart and lungs", True),
        ("heart and lungs normal", "lungs normal", True),
        ("gait and reflexes were both normal", "gait and reflexes", True),
        ("stiff gait , reflexes normal", "stiff gait", False),
        ("kidneys and liver within normal limits", "kidneys and liver", True),
        ("heart rate above normal values", "heart rate above", False),
        ("temperature above normal", "temperature above", False),
        ("temperature above normal", "temperature above normal", False),
        ("height far below normal", "height far", False),
        ("stiff neck otherwise normal", "stiff neck", False),
        ("red cells were all grossly normal sized", "red cells", False),
        ("heart and lungs are normal on examination", "heart and lungs", True),
        ("pupils not normal", "pupils not", False),
        ("big liver and spleen", "big liver", False),
    ],
)
def test_what_is_called_normal_is_no_finding(text: str, run: str, normal: bool) -> None:
    words = [word if word.isalpha() else "" for word in text.split()]
    start = text[: text.index(run)].count(" ")
    assert is_normal(words, slice(start, start + run.count(" ") + 1)) is normal


def test_who_is_able_has_no_deficit(vectors: PhraseVectors) -> None:
    named = [
        ("HP:1", "trouble with eyes", False),
        ("HP:1", "his eyes jump", True),
        ("HP:2", "jumping eyes", False),
    ]
    for text, known in (("his eyes jump", {"HP:1", "HP:2"}), ("he can eyes jump", set())):
        read_, names, _ = read(vectors, text, named)
        assert {names.identifiers[number] for number in read_.name} == known


def test_a_run_begins_and_ends_with_what_says_something() -> None:
    free = [bool(word) or word == "7" for word in TEXT]
    runs = [" ".join(TEXT[run]) for run in runs_of(WORDS, free, [False] * len(TEXT))]
    assert "coughed up a little blood" in runs
    assert "eyes jump" in runs
    assert not any(run.startswith(("he ", "was ")) or run.endswith((" a", " and")) for run in runs)


@pytest.mark.parametrize(
    ("text", "is_run"),
    [
        ("lasting 20 minutes", False),
        ("three or four times a week", False),
        ("right side of the chest", False),
        ("cramps three times nightly", True),
        ("whole body itches", True),
        ("six toes", True),
    ],
)
def test_when_and_where_alone_is_no_run(text: str, is_run: bool) -> None:
    words = text.split()
    whole = slice(0, len(words))
    assert (whole in runs_of(words, [True] * len(words), [False] * len(words))) == is_run


@given(st.data(), st.integers(0, 14))
def test_runs_stay_in_their_clause(data: st.DataObject, length: int) -> None:
    def flags() -> list[bool]:
        return data.draw(st.lists(st.booleans(), min_size=length, max_size=length))

    is_free, begins, is_word = flags(), flags(), flags()
    words = ["blood" if each else "" for each in is_word]
    for run in runs_of(words, is_free, begins):
        assert MIN_TOKENS <= run.stop - run.start <= MAX_TOKENS
        assert all(is_free[run])
        assert not any(begins[run.start + 1 : run.stop])
        assert words[run.start]
        assert words[run.stop - 1]


def test_other_words_of_a_phenotype_are_likest_it(vectors: PhraseVectors) -> None:
    candidates, names, _ = read(vectors, "coughs up a little blood")
    best = int(feature(candidates, "likeness").argmax())
    assert names.identifiers[candidates.name[best]] == "HP:0002105"
    assert feature(candidates, "likeness")[best] > 0.8


def test_a_run_has_each_phenotype_once_the_likest_first() -> None:
    named = [
        ("HP:1", "eyes jump", False),
        ("HP:1", "eyes jumping", True),
        ("HP:2", "eyes jerk", False),
        ("HP:3", "jump jerk", False),
    ]
    candidates, names, _ = read(APART, "eyes jump jerk jumping", named)
    seen: dict[tuple[int, int], list[int]] = {}
    for row in range(len(candidates.start)):
        place = int(candidates.start[row]), int(candidates.end[row])
        seen.setdefault(place, []).append(row)
    assert any(len(rows) > 1 for rows in seen.values())
    for rows in seen.values():
        phenotypes = [names.identifiers[candidates.name[row]] for row in rows]
        assert len(set(phenotypes)) == len(phenotypes)
        likeness = feature(candidates, "likeness")[rows]
        assert (np.diff(likeness) <= 0).all()
        ahead = feature(candidates, "ahead")[rows]
        np.testing.assert_allclose(ahead[:-1], likeness[:-1] - likeness[1:], atol=1e-6)
        assert ahead[-1] == pytest.approx(likeness[-1] - module._MIN_LIKENESS, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "phenotype"),
    [
        ("eyes jump", "HP:1"),
        ("eyes cannot jump", "HP:2"),
        ("cannot jump without eyes", "HP:3"),
    ],
)
def test_a_run_denies_as_often_as_its_name(text: str, phenotype: str) -> None:
    named = [
        ("HP:1", "eyes jump", False),
        ("HP:2", "eyes cannot jump", False),
        ("HP:3", "eyes cannot jump without", False),
    ]
    candidates, names, words = read(APART, text, named)
    whole = (candidates.start == 0) & (candidates.end == len(words))
    read_as = {names.identifiers[name] for name in candidates.name[whole]}
    assert read_as == {phenotype}


def test_a_contraction_denies() -> None:
    names = Names.of(APART, [("HP:1", "eyes don't jump", True), ("HP:2", "eyes jump", True)])
    assert names.denials.tolist() == [1, 0]


def test_the_size_of_chunks_changes_nothing(
    vectors: PhraseVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "jumping eyes jerk , coughing up vomit blood ; loses weight to one side"
    whole, _, _ = read(vectors, text)
    monkeypatch.setattr(module, "_CHUNK", 3)
    parts, _, _ = read(vectors, text)
    for name in ("start", "end", "name"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))
    np.testing.assert_allclose(whole.features, parts.features, atol=1e-6)


def test_features_tell_what_is_missing_and_what_stands_beside(vectors: PhraseVectors) -> None:
    candidates, names, _ = read(vectors, "jumping eyes 7 normal")
    row = next(
        row for row in range(len(candidates.start))
        if names.texts[candidates.name[row]] == "jumping eyes"
    )  # fmt: skip
    by_name = dict(zip(FEATURES, candidates.features[row].tolist(), strict=True))
    assert by_name["likeness"] == pytest.approx(1, abs=1e-5)
    assert by_name["name_found"] == pytest.approx(1, abs=1e-5)
    assert by_name["name_missing"] == by_name["run_missing"] == 0
    assert by_name["same_words"] == 1
    assert (by_name["tokens"], by_name["words_of_name"], by_name["is_lay"]) == (2, 2, 1)
    assert by_name["says_normal"] == by_name["number_after"] == 1
    plain, _, _ = read(vectors, "jumping eyes")
    assert not feature(plain, "says_normal").any()
    assert not feature(plain, "number_after").any()
    some, _, _ = read(APART, "eyes jerk jump", [("HP:1", "eyes jump", False)])
    missing = feature(some, "run_missing")[(some.start == 0) & (some.end == 3)]
    assert missing.tolist() == [pytest.approx(0.8)]
    assert feature(plain, "text_length").tolist() == feature(some, "text_length").tolist()[:1]


def test_long_notes_are_all_as_long(vectors: PhraseVectors) -> None:
    def length(words: int) -> float:
        candidates, _, _ = read(vectors, "jumping eyes" + " plugh" * (words - 2))
        return float(feature(candidates, "text_length")[0])

    assert length(100) == pytest.approx(np.log(100))
    assert length(220) == length(500) == pytest.approx(np.log(220))


def test_text_without_a_run_or_a_likeness_has_no_candidates(vectors: PhraseVectors) -> None:
    for text in ("", "he was", "xyzzy plugh"):
        candidates, _, _ = read(vectors, text)
        assert len(candidates.start) == 0
        assert candidates.features.shape == (0, len(FEATURES))


def test_names_of_equal_words_count_once(vectors: PhraseVectors) -> None:
    names = Names.of(
        vectors,
        [
            ("HP:1", "eyes jump", False),
            ("HP:1", "Eyes, jump!", True),
            ("HP:2", "eyes jump", True),
            ("HP:2", "12", True),
        ],
    )
    assert names.identifiers == ("HP:1", "HP:2")
    assert names.texts == ("eyes jump", "eyes jump")
