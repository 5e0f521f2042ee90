"""presidio's recognisers of patterns as a baseline, where presidio is installed."""

from __future__ import annotations

import socket

import pytest
from deidentification import baselines


def test_presidio_finds_patterns_without_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("presidio_analyzer")

    def refuse(*arguments: object) -> None:
        raise AssertionError("an address was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    text = "Mail ann@example.org from 10.1.2.3 on 03/04/2020, SSN 536-22-1234. BP 120/80."
    finds = {(text[f.start : f.end], f.kind) for f in baselines.presidio()(text)}
    assert {("ann@example.org", "EMAIL"), ("10.1.2.3", "IP"), ("03/04/2020", "DATE"),
            ("536-22-1234", "SSN")} <= finds  # fmt: skip
    assert not any("120" in find for find, _ in finds)
