"""The status of symptoms in Chinese dialogues."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medkg.core.errors import ModelError
from medkg.extract.chinese import Chinese, sentence_starts
from medkg.extract.context.chinese_dialogue import (
    BUCKETS,
    STATUSES,
    StatusModel,
    hashed_features,
)
from medkg.extract.dialogue_turns import CLINICIAN, PATIENT, turns_of
from medkg.extract.tokens import blank

VISIT = (
    "医生：宝宝发烧吗？\n家长：没有\n医生：咳嗽吗？\n家长：咳嗽有几天了，晚上更厉害\n"
    "医生：如果出现呼吸困难，要马上去医院"
)


def places_of(text: str, *names: str) -> list[tuple[int, int]]:
    return [(text.index(name), text.index(name) + len(name)) for name in names]


def context_of(text: str, *names: str) -> list[tuple[str, str]]:
    doc = blank()(text)
    starts = set(sentence_starts(text))
    for token in doc:
        token.is_sent_start = token.i == 0 or token.idx in starts
    doc.spans["mentions"] = [
        doc.char_span(*place, "Symptom", alignment_mode="expand")
        for place in places_of(text, *names)
    ]
    Chinese().find_context(doc)
    return [(m._.polarity, m._.certainty) for m in doc.spans["mentions"]]


def test_lines_say_who_speaks() -> None:
    turns = turns_of(VISIT)
    assert [turn.role for turn in turns] == [CLINICIAN, PATIENT] * 2 + [CLINICIAN]
    assert VISIT[turns[1].start : turns[1].end].strip() == "没有"


def test_what_is_denied_lines_later_is_absent() -> None:
    names = ("发烧", "咳嗽有", "呼吸困难")
    assert context_of(VISIT, *names) == [
        ("negated", "certain"),
        ("asserted", "certain"),
        ("asserted", "possible"),
    ]


def test_a_text_that_is_no_dialogue_is_read_by_phrases() -> None:
    assert context_of("宝宝没有发烧，咳嗽三天。", "发烧", "咳嗽") == [
        ("negated", "certain"),
        ("asserted", "certain"),
    ]


def test_features_depend_on_what_is_around_and_on_who_speaks() -> None:
    swapped = VISIT.replace("医生", "甲").replace("家长", "医生").replace("甲", "家长")
    places = places_of(VISIT, "发烧", "咳嗽吗")
    first, second = hashed_features(VISIT, turns_of(VISIT), places)
    other, _ = hashed_features(swapped, turns_of(swapped), places)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, other)
    assert first.max() < BUCKETS


def test_a_model_tells_after_saving_what_it_told_before(tmp_path: Path) -> None:
    turns, places = turns_of(VISIT), places_of(VISIT, "发烧", "咳嗽吗")
    first, second = hashed_features(VISIT, turns, places)
    weights = np.zeros((BUCKETS, len(STATUSES)), dtype=np.float32)
    weights[np.setdiff1d(first, second), 1] = 1
    weights[np.setdiff1d(second, first), 2] = 1
    model = StatusModel(weights, np.zeros(len(STATUSES), dtype=np.float32))
    assert model.statuses(VISIT, turns, places) == ["absent", "uncertain"]
    model.save(tmp_path / "model", {"mentions": 2}, "# Made\n")
    again = StatusModel.open(tmp_path / "model")
    assert again.statuses(VISIT, turns, places) == ["absent", "uncertain"]
    with pytest.raises(ModelError):
        StatusModel.open(tmp_path / "none")
