"""Recordings that the tests make, and what is heard in them."""

from __future__ import annotations

import json
import math
import shutil
import struct
import subprocess
import tracemalloc
import wave
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import wavfile
from scipy.signal import resample_poly
from transformers import (
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    Wav2Vec2Processor,
)
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.core.errors import DataError, ModelError
from medkg.core.quarantine import Quarantine
from medkg.signals.speech import recording
from medkg.signals.speech.recognise import TransformersRecogniser
from medkg.signals.speech.recording import RATE, Speech, read_recording
from medkg.speech import write_transcripts


def tone(path: Path, rate: int = 16_000, *, channels: int = 1, kind: str = "int16") -> Path:
    """A second of 440 Hz at half of full scale."""
    wave = np.sin(2 * np.pi * 440 * np.arange(rate) / rate) / 2
    if np.issubdtype(np.dtype(kind), np.integer):
        wave = wave * np.iinfo(kind).max
    samples = wave.astype(kind)
    wavfile.write(path, rate, np.stack([samples] * channels, 1) if channels > 1 else samples)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small wav2vec 2.0 with random weights, as transformers saves it."""
    folder = tmp_path_factory.mktemp("wav2vec")
    letters = {letter: n for n, letter in enumerate(["<pad>", "<unk>", "|", *"abcdefgh"])}
    (folder / "vocab.json").write_text(json.dumps(letters))
    tokenizer = Wav2Vec2CTCTokenizer(
        str(folder / "vocab.json"), pad_token="<pad>", unk_token="<unk>"
    )
    Wav2Vec2Processor(Wav2Vec2FeatureExtractor(), tokenizer).save_pretrained(folder)
    torch.manual_seed(0)
    config = Wav2Vec2Config(
        vocab_size=len(letters),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(16, 16),
        conv_stride=(10, 32),
        conv_kernel=(10, 32),
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    network = Wav2Vec2ForCTC(config)
    with torch.no_grad():  # so that it hears letters, and no blanks
        network.lm_head.bias[:3] -= 10
    network.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", ["uint8", "int16", "int32", "float32"])
def test_samples_of_every_kind_are_the_same(kind: str, tmp_path: Path) -> None:
    if kind == "uint8":  # half of full scale is about 128
        wave = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
        wavfile.write(tmp_path / "a.wav", RATE, (128 + 64 * wave).astype(np.uint8))
    else:
        tone(tmp_path / "a.wav", kind=kind)
    speech = read_recording(tmp_path / "a.wav")
    assert speech.samples.std() == pytest.approx(0.5 / 2**0.5, abs=0.01)
    assert (speech.remarks, speech.seconds) == ((), 1.0)


def test_what_is_changed_is_said(tmp_path: Path) -> None:
    speech = read_recording(tone(tmp_path / "a.wav", 44_100, channels=2))
    assert len(speech.samples) == RATE
    assert "2 channels" in speech.remarks[0]
    assert "resampled from 44,100 to 16,000" in speech.remarks[1]
    spectrum = np.abs(np.fft.rfft(speech.samples))
    assert int(spectrum.argmax()) == 440


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000])
def test_blocks_leave_no_trace(rate: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 40_000 + rate % 7).astype(np.float32)
    wavfile.write(tmp_path / "a.wav", rate, noise)
    whole = read_recording(tmp_path / "a.wav").samples
    monkeypatch.setattr(recording, "_BLOCK", 6_000)
    parts = read_recording(tmp_path / "a.wav").samples
    assert parts == pytest.approx(whole, abs=1e-6)
    common = math.gcd(rate, RATE)
    assert whole == pytest.approx(resample_poly(noise, RATE // common, rate // common), abs=1e-6)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("bits", [16, 24])
def test_a_recording_cut_off_in_its_samples_is_refused(
    channels: int, bits: int, tmp_path: Path
) -> None:
    file = tmp_path / "a.wav"
    with wave.open(str(file), "wb") as written:
        written.setparams((channels, bits // 8, RATE, 0, "NONE", ""))
        written.writeframes(np.random.default_rng(0).bytes(RATE * channels * bits // 8))
    assert read_recording(file).seconds == 1
    whole = file.read_bytes()
    for size in (len(whole) - 12_000, len(whole) - 12_001):  # between samples, and in one
        file.write_bytes(whole[:size])
        with pytest.raises(DataError, match="is cut off"):
            read_recording(file)
    file.write_bytes(whole[:4] + struct.pack("<I", len(whole)) + whole[8:] + b"own \0\0\0\0")
    assert read_recording(file).seconds == 1  # a chunk that is no sound is passed over


def test_a_long_recording_is_never_held_whole(tmp_path: Path) -> None:
    file, minutes = tmp_path / "a.wav", 5
    tone(tmp_path / "second.wav", 48_000, channels=2)
    _, second = wavfile.read(tmp_path / "second.wav")
    wavfile.write(file, 48_000, np.tile(second, (60 * minutes, 1)))
    tracemalloc.start()
    speech = read_recording(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert speech.seconds == 60 * minutes
    assert peak < 3 * speech.samples.nbytes  # for 2 hours, the longest, 1.4 GB
    with file.open("r+b") as longer:  # of 3 hours, of which the length alone is read
        size = 3 * 3600 * 48_000 * 4
        longer.truncate(44 + size)
        longer.seek(4)
        longer.write(struct.pack("<I", 36 + size))
        longer.seek(40)
        longer.write(struct.pack("<I", size))
    tracemalloc.start()
    with pytest.raises(DataError, match="to 2 h are read"):
        read_recording(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_what_can_not_be_heard_is_refused(tmp_path: Path) -> None:
    wavfile.write(tmp_path / "silent.wav", RATE, np.zeros(RATE, np.int16))
    wavfile.write(tmp_path / "short.wav", RATE, np.ones(100, np.int16))
    wavfile.write(tmp_path / "slow.wav", 100, np.ones(100, np.int16))
    (tmp_path / "other.wav").write_bytes(b"ID3 no WAV")
    (tmp_path / "cut.wav").write_bytes(tone(tmp_path / "a.wav").read_bytes()[:30])
    samples = np.full(RATE, np.nan, np.float32)
    wavfile.write(tmp_path / "nan.wav", RATE, samples)
    for name, message in (
        ("silent", "no speech: it is silent"),
        ("short", "s long"),
        ("slow", "100 samples a second"),
        ("other", "can't be read as WAV"),
        ("cut", "can't be read as WAV"),
        ("nan", "no numbers"),
    ):
        with pytest.raises(DataError, match=message):
            read_recording(tmp_path / f"{name}.wav")


def test_one_bad_file_never_ends_a_run(model: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "more").mkdir(parents=True)
    tone(tmp_path / "in" / "a.wav")
    tone(tmp_path / "in" / "more" / "a.wav", 8_000)
    (tmp_path / "in" / "b.wav").write_bytes(b"no sound")
    quarantine = Quarantine()
    transcripts = medkg.transcribe(tmp_path / "in", model=model, quarantine=quarantine)
    assert [each.file.name for each in transcripts] == ["a.wav", "a.wav"]
    assert all(set(each.text) <= set("abcdefgh ") for each in transcripts)
    assert len(quarantine) == 1
    files = write_transcripts(transcripts, tmp_path / "out")
    assert [file.name for file in files] == ["a.txt", "a-2.txt"]
    assert files[0].read_text().strip() == transcripts[0].text
    with pytest.raises(DataError, match="can't be read as WAV"):
        medkg.transcribe(tmp_path / "in", model=model)
    with pytest.raises(DataError, match="no recording"):
        medkg.transcribe(tmp_path / "out", model=model, quarantine=Quarantine())
    with pytest.raises(ModelError, match="no model of speech recognition"):
        medkg.transcribe(tmp_path / "in", model=tmp_path)
    with pytest.raises(ModelError, match="there is no such folder"):
        medkg.transcribe(tmp_path / "in", model=tmp_path / "whisper")


def test_without_a_quarantine_nothing_is_heard_after_a_bad_file(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.wav").write_bytes(b"no sound")
    tone(tmp_path / "b.wav")
    heard = list[float]()
    lines = TransformersRecogniser.lines

    def counted(self: TransformersRecogniser, speech: Speech) -> list[str]:
        heard.append(speech.seconds)
        return lines(self, speech)

    monkeypatch.setattr(TransformersRecogniser, "lines", counted)
    with pytest.raises(DataError, match=r"a\.wav"):
        medkg.transcribe(tmp_path, model=model)
    assert heard == []
    assert len(medkg.transcribe(tmp_path, model=model, quarantine=Quarantine())) == 1
    assert heard == [1]


def test_the_command(model: Path, tmp_path: Path) -> None:
    file = tone(tmp_path / "visit.wav", 8_000)
    words = ["transcribe", str(file), "--model", str(model), "--out", str(tmp_path / "out")]
    run = CliRunner().invoke(app, words)
    assert run.exit_code == 0, run.output
    assert (tmp_path / "out" / "visit.txt").is_file()
    assert "resampled" in run.output
    run = CliRunner().invoke(app, [*words, "--json"])
    assert json.loads(run.stdout)["written"] == [str(tmp_path / "out" / "visit.txt")]
    run = CliRunner().invoke(app, [*words[:4], "--json"])
    [predicted] = json.loads(run.stdout)["transcripts"]
    assert json.loads(run.stdout)["written"] == []
    assert predicted["text"] == (tmp_path / "out" / "visit.txt").read_text().strip()


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_the_default_hears_speech(tmp_path: Path) -> None:
    pytest.importorskip("pocketsphinx", reason="the extra speech is not installed")
    file = tmp_path / "speech.wav"
    subprocess.run(["espeak-ng", "-w", str(file), "no fever no pain no cough"], check=True)
    [transcript] = medkg.transcribe(file)
    assert len(transcript.text.split()) > 2
    assert transcript.model.startswith("pocketsphinx")
    assert transcript.remarks[-1].startswith("pocketsphinx mishears much")
    tone(tmp_path / "hum.wav")
    with pytest.raises(DataError, match="no speech is heard"):
        medkg.transcribe(tmp_path / "hum.wav")
