"""Noise, hum and gaps are no beats, and the spans about them are not read."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from medkg.core.errors import DataError
from medkg.examinations import ecg_findings
from medkg.signals.ecg.features import RATE
from medkg.signals.ecg.quality import LEAST_KURTOSIS, measures_of_windows, windows_with_beats
from medkg.signals.ecg.recording import read_recording

from .made import regular, signal, write_csv

N = 60 * RATE
TIME = np.arange(N) / RATE
RNG = np.random.default_rng(3)
NOISE = {
    "white": RNG.normal(0, 0.3, N),
    "brown": np.cumsum(RNG.normal(0, 0.02, N)),
    "mains": np.sin(2 * np.pi * 50 * TIME) + RNG.normal(0, 0.02, N),
    "sine of a hertz": np.sin(2 * np.pi * TIME),
    "sine of eight": np.sin(2 * np.pi * 8 * TIME),
}


@pytest.mark.parametrize("kind", NOISE)
@pytest.mark.parametrize("seconds", [6, 15, 60])
def test_noise_and_hum_have_no_beats(kind: str, seconds: int, tmp_path: Path) -> None:
    samples = np.stack([NOISE[kind][: seconds * RATE]] * 2, 1)
    file = write_csv(tmp_path / "noise.csv", samples)
    with pytest.raises(DataError, match="no beats stand out"):
        ecg_findings(file, rate=RATE)


@pytest.mark.parametrize(
    ("gap", "wide"),
    [
        *((gap, False) for gap in (0.27, 0.33, 0.5, 0.8, 1.5)),
        *((gap, True) for gap in (0.3, 0.35, 0.5, 0.8, 1.5)),
    ],
)
def test_beats_stand_out_narrow_or_wide_fast_or_slow(gap: float, wide: bool) -> None:
    times = regular(30, gap)
    samples = signal(times, 30, RATE, noise=0.05, wide=times if wide else ())
    assert windows_with_beats(samples.T.astype(np.float32)).all()


@pytest.mark.parametrize(("gap", "wide"), [(0.23, False), (0.35, True)])
def test_the_rate_of_a_fast_rhythm_is_read(gap: float, wide: bool, tmp_path: Path) -> None:
    times = regular(30, gap)
    samples = signal(times, 30, RATE, wide=times if wide else ())
    assert measures_of_windows(samples.T.astype(np.float32)).kurtosis.max() < LEAST_KURTOSIS
    findings = ecg_findings(write_csv(tmp_path / "a.csv", samples), rate=RATE)
    fast = next(each for each in findings if each.code == "HP:0001649")
    assert fast.present
    read = re.search(r"(\d+) a minute", fast.region)
    assert read is not None
    assert int(read[1]) == pytest.approx(60 / gap, rel=0.02)


def test_a_rate_that_few_hearts_have_is_remarked(tmp_path: Path) -> None:
    remarks: list[str] = []
    samples = signal(regular(30, 0.8), 30, RATE)
    ecg_findings(write_csv(tmp_path / "a.csv", samples), rate=RATE, remarks=remarks)
    assert not remarks
    ecg_findings(write_csv(tmp_path / "a.csv", samples), rate=3.2 * RATE, remarks=remarks)
    assert [each for each in remarks if "sampling rate is right" in each] == [
        "a.csv: 240 beats a minute are rare; see that the sampling rate is right"
    ]


def test_a_noisy_lead_and_a_noisy_span_are_left_out(tmp_path: Path) -> None:
    samples = signal(regular(60, 0.8), 60, RATE)
    samples[:, 1] = NOISE["white"]
    samples[20 * RATE : 30 * RATE, 0] = NOISE["white"][: 10 * RATE]
    recording = read_recording(write_csv(tmp_path / "a.csv", samples), RATE)
    assert recording.names == ("II",)
    assert recording.missing[0].nonzero()[0][[0, -1]].tolist() == [20 * RATE, 30 * RATE - 1]
    assert recording.remarks == (
        "lead V1 is left out: no beats stand out in 6 of 6 spans",
        "16.7% is not read: no beats stand out there",
        "has one lead, which is read as both",
    )


@pytest.mark.parametrize("value", [np.nan, 0.4])
def test_a_gap_that_is_drawn_as_a_line_is_no_beat(value: float, tmp_path: Path) -> None:
    samples = signal(regular(60, 0.8), 60, RATE)
    whole = ecg_findings(write_csv(tmp_path / "whole.csv", samples), rate=RATE)
    samples[round(20.1 * RATE) : round(24.3 * RATE)] = value
    file = write_csv(tmp_path / "gap.csv", samples)
    file.write_text(file.read_text().replace("nan", ""))
    findings = ecg_findings(file, rate=RATE)
    assert [(each.code, each.present) for each in findings] == [
        (each.code, each.present) for each in whole
    ]
    assert not any(each.present for each in findings)


def test_a_lead_that_falls_off_costs_the_other_nothing(tmp_path: Path) -> None:
    samples = signal(regular(60, 0.8), 60, RATE)
    samples[15 * RATE :, 1] = 0
    recording = read_recording(write_csv(tmp_path / "off.csv", samples), RATE)
    assert recording.names == ("II",)
    assert not recording.missing.any()
    samples = signal(regular(60, 0.8), 60, RATE)
    samples[45 * RATE :, 1] = 0
    recording = read_recording(write_csv(tmp_path / "late.csv", samples), RATE)
    assert recording.missing.any(axis=1).tolist() == [False, True]
    assert "lead V1: 25.0% isn't read: it has one value for seconds" in recording.remarks


def test_nothing_stands_out_where_nothing_is() -> None:
    samples = signal(regular(60, 0.8), 60, RATE, noise=0)[:, 0]
    samples[15 * RATE :] = 0
    assert windows_with_beats(samples[None].astype(np.float32))[0, 3:].sum() == 0


def test_what_is_looked_for_and_not_seen_is_evidence_of_the_examination(tmp_path: Path) -> None:
    samples = signal(regular(30, 0.8), 30, RATE)
    findings = ecg_findings(write_csv(tmp_path / "a.csv", samples), rate=RATE)
    assert findings
    assert not any(each.present for each in findings)


def test_microvolts_in_a_csv_file_are_refused(tmp_path: Path) -> None:
    samples = 1000 * signal(regular(12, 0.8), 12, RATE)
    file = write_csv(tmp_path / "a.csv", samples)
    with pytest.raises(DataError, match=r"lead II swings by .* mV, which no electrocardiogram"):
        read_recording(file, RATE)


def test_one_channel_of_another_unit_costs_the_others_nothing(tmp_path: Path) -> None:
    samples = signal(regular(12, 0.8), 12, RATE)
    trigger = 100.0 * (np.arange(len(samples)) % 4 == 0)[:, None]
    file = write_csv(tmp_path / "a.csv", np.hstack([samples, trigger]), "a,b,c")
    recording = read_recording(file, RATE)
    assert recording.names == ("a", "b")
    remark = "lead c swings by 100 mV, and is left out: it is none of the body's"
    assert remark in recording.remarks
