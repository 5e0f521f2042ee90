"""What a paper wanted to know is no finding; all sentences are made up."""

from __future__ import annotations

import pytest

from medkg.extract.relations import component as _component  # noqa: F401 (registers extensions)
from medkg.extract.relations.candidates import relation_candidates
from medkg.extract.relations.looked_for import is_aim

from ..marked import marked, pipeline


@pytest.mark.parametrize(
    ("text", "aim"),
    [
        ("The aim of this study was to see whether [zinc|Drug] prevents [colds|Disease].", True),
        ("We investigated whether [zinc|Drug] prevents [colds|Disease].", True),
        ("This trial aimed at evaluating [zinc|Drug] in [colds|Disease].", True),
        ("To assess the effect of [zinc|Drug] on [colds|Disease].", True),
        ("We evaluated [zinc|Drug] (an [ACE|Target] inhibitor).", False),
        ("We evaluated zinc ([Zn|Drug]) (an [ACE|Target] inhibitor).", False),
        ("[Zinc|Drug] prevented [colds|Disease].", False),
        ("We investigated sleep and found that [zinc|Drug] prevents [colds|Disease].", False),
        ("To assess sleep, we gave [zinc|Drug] to patients with [colds|Disease].", False),
        ("[Zinc|Drug] prevents [colds|Disease], and we evaluated sleep.", False),
    ],
)
def test_an_aim(text: str, aim: bool) -> None:
    (candidate,) = relation_candidates(marked(pipeline("medkg_sentences"), text))
    assert is_aim(candidate.pair) == aim
