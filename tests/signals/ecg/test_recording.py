"""Reading electrocardiograms: three formats, and what can't be read."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from medkg.core.errors import DataError
from medkg.signals.ecg.features import RATE
from medkg.signals.ecg.recording import read_recording

from ..eeg.made import write_edf as write_signals
from .made import regular, signal, write_csv, write_edf

SAMPLES = signal(regular(12, 0.8), 12, RATE)


def test_csv_at_the_models_rate_is_read_as_it_is(tmp_path: Path) -> None:
    recording = read_recording(write_csv(tmp_path / "a.csv", SAMPLES), RATE)
    assert recording.names == ("II", "V1")
    assert recording.channels == pytest.approx(SAMPLES.T, abs=1e-4)
    assert recording.remarks == ()
    assert len(recording.checksum) == 64


def test_a_column_of_time_gives_the_rate(tmp_path: Path) -> None:
    time = np.arange(len(SAMPLES))[:, None] / RATE
    file = write_csv(tmp_path / "a.csv", np.hstack([time, SAMPLES]), "time,II,V1")
    assert read_recording(file).channels.shape == SAMPLES.T.shape


def test_wfdb_and_edf_give_what_csv_gives(tmp_path: Path) -> None:
    import wfdb

    wfdb.wrsamp(
        "rec",
        fs=RATE,
        units=["mV", "uV"],
        sig_name=["II", "V1"],
        p_signal=SAMPLES * [1, 1000],
        fmt=["16", "16"],
        write_dir=str(tmp_path),
        base_date=datetime(2024, 5, 3).date(),
        base_time=datetime(2024, 5, 3, 10).time(),
    )
    write_edf(tmp_path / "rec.edf", SAMPLES, RATE, "Holter5")
    for file in ("rec.hea", "rec.edf"):
        recording = read_recording(tmp_path / file)
        assert recording.channels == pytest.approx(SAMPLES.T, abs=2e-3)
        assert recording.date == "2024-05-03T10:00:00"
    assert read_recording(tmp_path / "rec.edf").device == "Holter5"


def test_the_checksum_of_wfdb_is_also_of_the_signals(tmp_path: Path) -> None:
    import wfdb

    wfdb.wrsamp(
        "rec", RATE, ["mV"] * 2, ["II", "V1"], SAMPLES, fmt=["16"] * 2, write_dir=str(tmp_path)
    )
    before = read_recording(tmp_path / "rec.hea").checksum
    assert before == read_recording(tmp_path / "rec.hea").checksum
    signals = tmp_path / "rec.dat"
    header = (tmp_path / "rec.hea").read_bytes()
    signals.write_bytes(b"\x01" + signals.read_bytes()[1:])
    assert (tmp_path / "rec.hea").read_bytes() == header
    assert read_recording(tmp_path / "rec.hea").checksum != before


def test_the_checksum_of_segments_is_also_of_their_signals(tmp_path: Path) -> None:
    import wfdb

    for name in ("one", "two"):
        wfdb.wrsamp(name, RATE, ["mV"], ["II"], SAMPLES[:, :1], fmt=["16"], write_dir=str(tmp_path))
    n = len(SAMPLES)
    (tmp_path / "rec.hea").write_text(f"rec/2 1 {RATE} {2 * n}\none {n}\ntwo {n}\n")
    recording = read_recording(tmp_path / "rec.hea")
    assert recording.channels.shape == (1, 2 * n)
    second = tmp_path / "two.dat"
    second.write_bytes(b"\x01" + second.read_bytes()[1:])
    assert read_recording(tmp_path / "rec.hea").checksum != recording.checksum


def test_another_rate_is_resampled_and_said(tmp_path: Path) -> None:
    fast = signal(regular(12, 0.8), 12, 500, noise=0)
    recording = read_recording(write_csv(tmp_path / "a.csv", fast), 500)
    assert recording.remarks == ("resampled from 500 to 180 samples a second",)
    same = signal(regular(12, 0.8), 12, RATE, noise=0).T
    assert recording.channels[:, RATE:-RATE] == pytest.approx(same[:, RATE:-RATE], abs=0.03)


def test_a_constant_lead_is_left_out_and_said(tmp_path: Path) -> None:
    flat = SAMPLES * [1, 0]
    recording = read_recording(write_csv(tmp_path / "a.csv", flat), RATE)
    assert recording.names == ("II",)
    assert "lead V1 is left out" in recording.remarks[0]


def test_missing_samples_are_drawn_as_a_line_and_said(tmp_path: Path) -> None:
    time = np.arange(len(SAMPLES)) / RATE
    lines = [
        f"{t},{'' if 50 <= i < 54 else v}"
        for i, (t, v) in enumerate(zip(time, SAMPLES[:, 0], strict=True))
    ]
    file = tmp_path / "a.csv"
    file.write_text("time,II\n" + "\n".join(lines))
    recording = read_recording(file)
    assert np.isfinite(recording.channels).all()
    assert "missing" in recording.remarks[0]


@pytest.mark.parametrize(
    ("samples", "rate", "reason"),
    [
        (SAMPLES[:300], RATE, "1.7 s long"),
        (SAMPLES * 0, RATE, "no lead carries a signal"),
        (SAMPLES[:0], RATE, "0.0 s long"),
        (SAMPLES, 5, "5 samples a second"),
        (SAMPLES, None, "--rate"),
    ],
)
def test_what_is_no_recording_is_refused(
    samples: np.ndarray, rate: float | None, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=reason):
        read_recording(write_csv(tmp_path / "a.csv", samples), rate)


@pytest.mark.parametrize("name", ["a.hea", "a.edf", "a.csv", "a.txt"])
def test_a_damaged_file_is_refused_with_its_name(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(b"\x00\xff no such thing \n1,2,x")
    with pytest.raises(DataError, match=name):
        read_recording(file, 180)
    with pytest.raises(DataError, match="no such file"):
        read_recording(tmp_path / "other.csv")


def test_a_time_that_jumps_is_refused(tmp_path: Path) -> None:
    time = np.arange(len(SAMPLES))[:, None] / RATE
    time[1000:] += 3
    file = write_csv(tmp_path / "a.csv", np.hstack([time, SAMPLES]), "time,II,V1")
    with pytest.raises(DataError, match="even steps"):
        read_recording(file)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("II,V1\n1,2,3\n1,2\n", "is no table of a line of names and lines of numbers"),
        ("II,V1\n0.1,high\n", "column 'V1' isn't numbers"),
        ("time,II\n,0.1\n,0.2\n", "the column time doesn't rise"),
    ],
)
def test_what_is_wrong_with_a_csv_file_is_told(text: str, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(text)
    with pytest.raises(DataError, match=reason):
        read_recording(file, RATE)


def test_semicolons_and_decimal_commas_are_read(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", SAMPLES)
    file.write_text(file.read_text().replace(",", ";").replace(".", ","))
    assert read_recording(file, RATE).channels == pytest.approx(SAMPLES.T, abs=1e-4)


def test_a_rate_that_the_column_of_time_denies_is_refused(tmp_path: Path) -> None:
    time = np.arange(len(SAMPLES))[:, None] / RATE
    file = write_csv(tmp_path / "a.csv", np.hstack([time, SAMPLES]), "time,II,V1")
    assert read_recording(file, RATE).channels.shape == SAMPLES.T.shape
    with pytest.raises(DataError, match="has 180 samples a second, and --rate is 360"):
        read_recording(file, 360)


def test_signals_beside_the_usual_leads_are_left_out(tmp_path: Path) -> None:
    trigger = np.where(np.arange(len(SAMPLES)) % RATE < 4, 5.0, 0)[:, None]
    file = write_csv(tmp_path / "a.csv", np.hstack([trigger, SAMPLES]), "channel 1,II,V1")
    recording = read_recording(file, RATE)
    assert recording.names == ("II", "V1")
    left_out = "lead channel 1 is left out: by its name it is no electrocardiogram's"
    assert recording.remarks == (left_out,)
    named = write_csv(tmp_path / "b.csv", np.hstack([trigger, SAMPLES]), "TRIG,left,right")
    assert read_recording(named, RATE).names == ("left", "right")
    brain = write_csv(tmp_path / "c.csv", SAMPLES, "EEG Fp1,EEG O2")
    with pytest.raises(DataError, match="by their names no lead is an electrocardiogram's"):
        read_recording(brain, RATE)


def test_signals_of_an_edf_file_that_are_left_out_are_said(tmp_path: Path) -> None:
    names = ("II", "V1", "Pleth")
    samples = np.hstack([SAMPLES, SAMPLES[:, :1]]) * 1000  # µV
    recording = read_recording(write_signals(tmp_path / "a.edf", samples, names=names))
    assert recording.names == ("II", "V1")
    assert "lead Pleth is left out: by its name it is no electrocardiogram's" in recording.remarks


@pytest.mark.parametrize(
    ("header", "first"),
    [
        ("ECG Lead I,ECG Lead II,ECG Lead V1,x", ("ECG Lead II", "ECG Lead V1")),
        ("D1,D2,V10,V2", ("D2", "V10")),
        ("LI,LII,ML3,CC5", ("LII", "CC5")),
        ("I,II,V1,V5", ("II", "V1")),
        ("V5,MLII,aVR,I", ("MLII", "V5")),
        ("ECG III,ECG aVF,ECG I,ECG II", ("ECG II", "ECG III")),
        ("b,a,c,d", ("b", "a")),
    ],
)
def test_the_leads_that_the_model_learnt_from_come_first(
    header: str, first: tuple[str, ...], tmp_path: Path
) -> None:
    file = write_csv(tmp_path / "a.csv", np.hstack([SAMPLES, 0.5 * SAMPLES]), header)
    recording = read_recording(file, RATE)
    assert recording.names[:2] == first
    assert set(recording.names) <= set(header.split(","))
    column = header.split(",").index(first[0])
    samples = np.hstack([SAMPLES, 0.5 * SAMPLES])[:, column]
    assert recording.channels[0] == pytest.approx(samples, abs=1e-4)


@pytest.mark.parametrize(("name", "reason"), [("a.edf", "EDF: "), ("a.hea", "WFDB: ")])
def test_what_a_library_says_of_a_file_is_told(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("no recording")
    with pytest.raises(DataError, match=f"can't be read as {reason}") as raised:
        read_recording(tmp_path / name)
    assert str(tmp_path) not in str(raised.value).removeprefix(str(tmp_path))


def test_no_cell_of_a_broken_csv_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('II,V1\n0.1,"Muster\nmann\n0.2,0.3\n')
    with pytest.raises(DataError) as raised:
        read_recording(file, RATE)
    assert "Muster" not in str(raised.value)
