"""Electroencephalograms as files, their annotations, band powers and features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import medkg
from medkg.core.errors import DataError
from medkg.signals.eeg.events import Event, Span, epoch_labels, read_events, spans_of
from medkg.signals.eeg.features import BANDS, RATE, band_powers, epoch_features, epoch_starts
from medkg.signals.eeg.recording import read_recording

from . import made

SAMPLES = made.background(30, np.random.default_rng(1))
T = np.arange(30 * RATE) / RATE


def sine(frequency: float, height: float) -> np.ndarray:
    return (height * np.sin(2 * np.pi * frequency * T))[None].astype(np.float32)


def test_edf_bdf_and_csv_give_the_same_microvolts(tmp_path: Path) -> None:
    for file in (
        made.write_edf(tmp_path / "a.edf", SAMPLES),
        made.write_edf(tmp_path / "a.bdf", SAMPLES),
    ):
        recording = read_recording(file)
        assert recording.names == made.CHANNELS
        assert recording.channels == pytest.approx(SAMPLES.T, abs=0.11)
        assert recording.date == "2024-05-03T10:00:00"
    csv = read_recording(made.write_csv(tmp_path / "a.csv", SAMPLES), RATE)
    assert csv.channels == pytest.approx(SAMPLES.T, abs=1e-2)


def test_what_is_not_of_the_brain_is_left_out(tmp_path: Path) -> None:
    file = made.write_edf(tmp_path / "a.edf", SAMPLES, names=("EEG Fp1-REF", "ECG", "Resp chest"))
    assert read_recording(file).names == ("EEG Fp1-REF",)
    other = made.write_edf(tmp_path / "b.edf", SAMPLES, names=("ECG1", "EOG", "EMG"))
    with pytest.raises(DataError, match="no signal of an electroencephalogram"):
        read_recording(other)
    leads = made.write_csv(tmp_path / "d.csv", SAMPLES, ("II", "V1", "aVR"))
    with pytest.raises(DataError, match="no channel is an electroencephalogram's"):
        read_recording(leads, RATE)
    csv = read_recording(made.write_csv(tmp_path / "c.csv", SAMPLES, ("C3", "ECG", "O1")), RATE)
    assert csv.names == ("C3", "O1")
    assert csv.remarks == ("channel ECG is left out: by its name it is no electroencephalogram's",)


def test_the_rate_is_that_of_most_signals(tmp_path: Path) -> None:
    file = made.write_edf(tmp_path / "a.edf", SAMPLES, rates=(RATE, RATE, 2 * RATE))
    recording = read_recording(file)
    assert recording.names == made.CHANNELS[:2]
    assert recording.remarks == ()


def test_another_rate_is_resampled_and_a_constant_channel_left_out(tmp_path: Path) -> None:
    samples = made.background(30, np.random.default_rng(2), 256)
    samples[:, 1] = 4.0
    recording = read_recording(made.write_csv(tmp_path / "a.csv", samples), 256)
    assert recording.names == ("Fp1", "O1")
    assert recording.channels.shape == (2, 30 * RATE)
    assert recording.remarks == (
        "channel C3 is left out: it moves by less than 1 µV, or is mostly missing",
        "resampled from 256 to 128 samples a second",
    )


@pytest.mark.parametrize(
    ("samples", "rate", "reason"),
    [
        (SAMPLES, 60, "60 samples a second; 100 to 20000 can be read"),
        (SAMPLES, None, "--rate"),
        (SAMPLES[: 10 * RATE], RATE, "10.0 s long; from 20 s to 6 h"),
        (SAMPLES * 0 + 3, RATE, "no channel carries a signal"),
    ],
)
def test_what_is_no_recording_is_refused(
    samples: np.ndarray, rate: float | None, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=reason):
        read_recording(made.write_csv(tmp_path / "a.csv", samples), rate)


@pytest.mark.parametrize(
    ("frequency", "band"),
    [(2, "delta"), (6, "theta"), (10, "alpha"), (20, "beta"), (40, "gamma")],
)
def test_the_power_of_a_sine_is_half_its_height_squared_in_its_band(
    frequency: float, band: str
) -> None:
    powers = band_powers(sine(frequency, 10))
    assert powers.shape == (14, 1, len(BANDS))
    here = list(BANDS).index(band)
    assert powers[:, 0, here] == pytest.approx(50, rel=0.02)
    assert np.delete(powers, here, -1).max() < 0.5


def test_band_powers_are_a_row_for_each_epoch_of_each_channel(tmp_path: Path) -> None:
    made.write_csv(tmp_path / "a.csv", SAMPLES)
    powers = medkg.band_powers(tmp_path, rate=RATE)
    assert powers.columns == ["file", "start", "channel", *BANDS]
    assert powers.height == len(epoch_starts(len(SAMPLES))) * len(made.CHANNELS)
    second = powers.filter(start=2.0, channel="C3")
    alone = band_powers(SAMPLES.T[1:2].astype(np.float32))[1, 0]
    assert second["theta"][0] == pytest.approx(alone[1], rel=0.01)
    with pytest.raises(DataError, match="no file of an electroencephalogram"):
        medkg.band_powers([])


def test_files_of_one_name_in_two_folders_are_told_apart(tmp_path: Path) -> None:
    files = []
    for name in ("ann", "bob"):
        (tmp_path / name).mkdir()
        files.append(str(made.write_csv(tmp_path / name / "a.csv", SAMPLES)))
    powers = medkg.band_powers(tmp_path, rate=RATE)
    assert powers["file"].unique(maintain_order=True).to_list() == files


def test_features_see_a_burst_and_not_the_height_of_the_recording() -> None:
    rng = np.random.default_rng(3)
    samples = made.with_bursts(made.background(60, rng), [(20, 30)], rng).T.astype(np.float32)
    features = epoch_features(samples)
    n = features.shape[-1] // 4
    relative = features[..., n : 2 * n]
    delta_within, delta_before = relative[11, 0, 0], relative[3, 0, 0]
    assert delta_within > delta_before + 2
    assert epoch_features(3 * samples)[..., n:] == pytest.approx(features[..., n:], abs=0.02)
    assert np.isfinite(epoch_features(np.zeros((1, 30 * RATE), np.float32))).all()


def test_events_of_a_table_go_before_those_of_the_file(tmp_path: Path) -> None:
    file = made.write_edf(tmp_path / "a.edf", SAMPLES, [(3, 4, "seizure")])
    assert read_events(file) == [Event("seizure", 3, 7)]
    made.write_events(tmp_path / "a_events.tsv", [(10, 5, "absence")])
    assert read_events(file) == [Event("absence", 10, 15)]


def test_the_table_of_bids_has_another_name(tmp_path: Path) -> None:
    file = made.write_csv(tmp_path / "sub-1_task-rest_eeg.csv", SAMPLES)
    made.write_events(tmp_path / "sub-1_task-rest_events.tsv", [])
    assert read_events(file) == []


def test_a_duration_that_is_not_known_makes_a_mark(tmp_path: Path) -> None:
    file = made.write_csv(tmp_path / "a.csv", SAMPLES)
    rows = "onset\tduration\ttrial_type\n3\tn/a\tseizure\n8\t2\tabsence\n"
    (tmp_path / "a_events.tsv").write_text(rows)
    assert read_events(file) == [Event("seizure", 3, 3), Event("absence", 8, 10)]


def test_no_annotations_are_an_error(tmp_path: Path) -> None:
    for file in (
        made.write_edf(tmp_path / "a.edf", SAMPLES),
        made.write_csv(tmp_path / "b.csv", SAMPLES),
    ):
        with pytest.raises(DataError, match="has no annotations"):
            read_events(file)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("onset\tduration\n1\t2\n", "needs the columns"),
        ("onset\tduration\ttrial_type\nn/a\t1\tseizure\n", "line 2 has no seconds"),
        ("onset\tduration\ttrial_type\n1\t-2\tseizure\n", "line 2 has no such seconds"),
        ("onset\tduration\teventType\n\nx\t1\ta\n", "line 3 has no seconds"),
        ("", "needs the columns"),
    ],
)
def test_a_table_that_cannot_be_read_says_where(text: str, reason: str, tmp_path: Path) -> None:
    file = made.write_csv(tmp_path / "a.csv", SAMPLES)
    (tmp_path / "a_events.tsv").write_text(text)
    with pytest.raises(DataError, match=reason):
        read_events(file)


def test_an_epoch_is_of_an_event_that_fills_half_of_it() -> None:
    classes = ("background", "seizure", "absence")
    long = epoch_labels([Event("seizure", 4, 10)], classes, 6)
    assert long.tolist() == [0, 1, 1, 1, 1, 0]  # epochs at 2, 4, 6 and 8 s
    short = epoch_labels([Event("seizure", 5, 6), Event("other", 0, 4)], classes, 6)
    assert short.tolist() == [0, 1, 1, 0, 0, 0]
    mark = epoch_labels([Event("absence", 5, 5), Event("seizure", 4, 8)], classes, 6)
    assert mark.tolist() == [0, 2, 2, 1, 0, 0]


def test_spans_are_runs_of_epochs_and_begin_within_the_first() -> None:
    chosen = np.array([True, False, True, True, True])
    assert spans_of(chosen) == [Span(0, 1), Span(2, 5)]
    assert [span.seconds for span in spans_of(chosen)] == [(1, 3), (5, 11)]
    assert spans_of(~chosen) == [Span(1, 2)]
