"""Names of graphs as hashes in the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medkg.core.errors import ModelError
from medkg.extract.mentions.hashed_gazetteer import LONGEST, HashedGazetteer
from medkg.extract.tokens import token_offsets

NAMES = {
    "Disease": ["ischemic stroke", "stroke", "colorectal cancer, hereditary non-polyposis"],
    "Drug": ["5-HT", "beta blocker", "N-acetylcysteine", "aspirin", "Ca", "ASA"],
    "Target": ["IMPACT", "EGF receptor", "MAPK3"],
}


def marks(names: HashedGazetteer, text: str) -> dict[str, list[str]]:
    """For each kind, the stretches of text that are marked."""
    offsets = token_offsets(text)
    bits = names.features([text[a:b] for a, b in offsets])
    names_by_kind: dict[str, list[str]] = {kind: [] for kind in names.hashes}
    for column, kind in enumerate(names.hashes):
        for start in np.flatnonzero(bits[:, 2 * column]):
            end = start + 1
            while end < len(offsets) and bits[end, 2 * column + 1]:
                end += 1
            names_by_kind[kind].append(text[offsets[start][0] : offsets[end - 1][1]])
    return names_by_kind


def test_names_are_found_however_they_are_joined_and_acronyms_in_their_spelling() -> None:
    text = (
        "Beta-blockers, 5HT; impact on IMPACT and mapk3 in Ischaemic or ischemic strokes. asa, Ca"
    )
    assert marks(HashedGazetteer.of(NAMES), text) == {
        "Disease": ["ischemic strokes"],
        "Drug": ["Beta-blockers", "5HT"],
        "Target": ["IMPACT", "mapk3"],
    }


def test_the_longest_name_that_began_first_counts() -> None:
    names = HashedGazetteer.of(
        {"Disease": ["lung cancer", "cancer pain", "lung", "chronic cancer pain"]}
    )
    assert marks(names, "lung cancer pain") == {"Disease": ["lung cancer"]}
    assert marks(names, "chronic cancer pain") == {"Disease": ["chronic cancer pain"]}
    assert marks(names, "lung, cancer pain") == {"Disease": ["lung", "cancer pain"]}


def test_too_short_and_too_long_names_are_left_out() -> None:
    names = HashedGazetteer.of({"Drug": ["Ca", "a b", " ".join("abcdefghijk"), "--"]})
    assert len(names.hashes["Drug"]) == 0
    assert marks(names, "Ca a b " + " ".join("abcdefghijk")) == {"Drug": []}


def test_without_names_there_is_no_feature() -> None:
    assert HashedGazetteer({}).features(["aspirin"]).shape == (1, 0)
    assert HashedGazetteer.of(NAMES).features([]).shape == (0, 6)
    assert HashedGazetteer.of(NAMES).features(["-"]).tolist() == [[0] * 6]


def test_a_hash_of_zero_is_no_name() -> None:
    names = HashedGazetteer({"Drug": np.array([0, 5], np.uint32)})
    assert names.features(["a", "b"]).tolist() == [[0, 0]] * 2


def test_what_was_saved_marks_the_same_and_holds_no_name(tmp_path: Path) -> None:
    file = tmp_path / "names.safetensors"
    names = HashedGazetteer.of(NAMES)
    names.save(file)
    text = "Beta-blockers or aspirin after ischemic stroke"
    assert marks(HashedGazetteer.load(file), text) == marks(names, text)
    assert b"aspirin" not in file.read_bytes()
    file.write_bytes(b"damaged")
    with pytest.raises(ModelError, match="is damaged"):
        HashedGazetteer.load(file)


WORDS = st.text(alphabet=st.sampled_from("abcdeABC019"), min_size=1, max_size=6)


@given(
    names=st.lists(st.lists(WORDS, min_size=1, max_size=4).map(" ".join), max_size=8),
    text=st.lists(WORDS, max_size=12).map(" ".join),
    at=st.integers(0, 7),
)
def test_every_name_is_found_in_its_own_spelling(names: list[str], text: str, at: int) -> None:
    hashed = HashedGazetteer.of({"Drug": names})
    usable = [
        name
        for name in names
        if len(token_offsets(name)) <= LONGEST and len(name.replace(" ", "")) >= 3
    ]
    for name in usable[at : at + 1]:
        (whole,) = marks(hashed, name)["Drug"]
        assert whole == name
    for match in marks(hashed, text)["Drug"]:
        assert len(token_offsets(match)) <= LONGEST
