"""The mention recogniser: one encoder, a CRF head for each corpus, and the spaCy component.

A head knows what its corpus annotates and nothing else, so what a head does not find may still be
there: the heads' mentions are joined, none of them votes against another's kind.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import minibatch
from torch import Tensor, nn

from .abbreviations import Abbreviation, find_abbreviations
from .bilstm import BiLSTMEncoder, Vocabulary
from .crf import CRF, decode
from .folder import load_weights, open_folder, save_folder
from .names import NameLists
from .tokens import token_offsets

SHIPPED = Path(__file__).parent / "model" / "ner"
MODEL = "medkg_ner"
THRESHOLD = 0.5
_TOKENS = 8192  # of a batch when predicting, padding included


@dataclass(frozen=True)
class Found:
    """A recognised mention: characters [start, end) of the text, kind, probability."""

    start: int
    end: int
    kind: str
    probability: float


class NerModel(nn.Module):
    """An encoder (tokens of texts → states); for each corpus, a head of tag scores and a CRF."""

    def __init__(self, encoder: nn.Module, heads: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self.encoder = encoder
        self.kinds = {name: list(kinds) for name, kinds in heads.items()}
        width = int(encoder.width)  # type: ignore[arg-type]  # nn.Module's attributes are untyped
        self.scores = nn.ModuleDict(
            {name: nn.Linear(width, 1 + 2 * len(kinds)) for name, kinds in self.kinds.items()}
        )
        self.crfs = nn.ModuleDict({name: CRF(len(kinds)) for name, kinds in self.kinds.items()})

    def loss(self, texts: Sequence[Sequence[str]], tags: Sequence[list[int]], head: str) -> Tensor:
        """Negative log likelihood of one corpus' tags, summed over the texts."""
        emissions = self.scores[head](self.encoder(texts)).float()
        gold = torch.zeros(emissions.shape[:2], dtype=torch.long)
        mask = torch.zeros(emissions.shape[:2], dtype=torch.bool)
        for row, text_tags in enumerate(tags):
            gold[row, : len(text_tags)] = torch.tensor(text_tags)
            mask[row, : len(text_tags)] = True
        loss: Tensor = self.crfs[head].loss(  # type: ignore[operator]  # a CRF, to mypy a Module
            emissions, gold.to(emissions.device), mask.to(emissions.device)
        )
        return loss

    @torch.inference_mode()
    def predict_heads(self, texts: Sequence[str]) -> list[dict[str, list[Found]]]:
        """What each head finds in each text, abbreviations made consistent, in order."""
        self.eval()
        offsets = [token_offsets(text) for text in texts]
        results: list[dict[str, list[Found]]] = [{name: [] for name in self.kinds} for _ in texts]
        order = sorted((n for n in range(len(texts)) if offsets[n]), key=lambda n: len(offsets[n]))
        while order:
            longest = len(offsets[order[-1]])
            batch = [order.pop() for _ in range(min(len(order), max(1, _TOKENS // longest)))]
            tokens = [[texts[n][a:b] for a, b in offsets[n]] for n in batch]
            for n, spans in zip(batch, self._decode(tokens), strict=True):
                short_forms = find_abbreviations(texts[n])
                for name, kinds in self.kinds.items():
                    found = [
                        Found(offsets[n][i][0], offsets[n][j - 1][1], kinds[kind], probability)
                        for i, j, kind, probability in spans[name]
                    ]
                    results[n][name] = propagate(found, short_forms)
        return results

    def predict(self, texts: Sequence[str], threshold: float = THRESHOLD) -> list[list[Found]]:
        """The mentions of each text that reach the threshold, the heads' joined by `combine`."""
        return [combine(above(heads, threshold), self.kinds) for heads in self.predict_heads(texts)]

    def _decode(
        self, tokens: list[list[str]]
    ) -> list[dict[str, list[tuple[int, int, int, float]]]]:
        states = self.encoder(tokens)
        lengths = torch.tensor([len(text) for text in tokens], device=states.device)
        # All heads in one pass, as rows of the same number of tags; those a head lacks never win.
        most = max(1 + 2 * len(kinds) for kinds in self.kinds.values())
        emissions, transitions = [], []
        for name in self.kinds:
            scores = self.scores[name](states).float()
            extra = most - scores.shape[2]
            emissions.append(nn.functional.pad(scores, (0, extra), value=-1e4))
            moves = self.crfs[name].scores()  # type: ignore[operator]  # a CRF, to mypy a Module
            moves = nn.functional.pad(moves, (0, extra, 0, extra), value=-1e4)
            transitions.append(moves.expand(len(tokens), most, most))
        rows = decode(torch.cat(emissions), torch.cat(transitions), lengths.repeat(len(self.kinds)))
        return [
            {name: rows[k * len(tokens) + n] for k, name in enumerate(self.kinds)}
            for n in range(len(tokens))
        ]

    def save(self, folder: Path, about: Mapping[str, Any], card: str) -> None:
        """Write the model's folder: `config.json`, half-precision weights, what the encoder needs.

        `about` (training data, seed, figures, …) goes into the config as it is, `card` into
        `CARD.md`.
        """
        bilstm = isinstance(self.encoder, BiLSTMEncoder)
        config = {
            "model": MODEL,
            "encoder": "bilstm" if bilstm else "transformer",
            "heads": self.kinds,
            **about,
        }
        save_folder(folder, self, config, card, self._write_encoder)

    def _write_encoder(self, draft: Path) -> None:
        if isinstance(self.encoder, BiLSTMEncoder):
            text = json.dumps(self.encoder.vocabulary.entries, ensure_ascii=False)
            (draft / "vocabulary.json").write_text(text, encoding="utf-8")
        else:
            self.encoder.save_description(draft / "encoder")  # type: ignore[operator]  # a Module

    @classmethod
    def load(cls, folder: Path | None = None, device: str | None = None) -> NerModel:
        """Read a model's folder (default: the shipped one); nothing in it is unpickled.

        Raises:
            ModelError: the folder is missing, damaged, or of another kind or schema version.
        """
        folder = SHIPPED if folder is None else Path(folder)
        config = open_folder(folder, MODEL, {"heads": dict})
        if config["encoder"] == "bilstm":
            entries = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
            encoder: nn.Module = BiLSTMEncoder(Vocabulary(entries), NameLists.load())
        else:
            # transformers takes seconds to import, and only these models need it.
            from .transformer_ner import TransformerEncoder

            encoder = TransformerEncoder.from_description(folder / "encoder")
        model = cls(encoder, config["heads"])
        load_weights(folder, model)
        return model.to(device or "cpu").eval()


def propagate(found: list[Found], short_forms: Iterable[Abbreviation]) -> list[Found]:
    """Make short forms what their long forms are.

    Where the long form is a mention, every place of the short form becomes one of its kind; where
    it is none and overlaps none, no place of the short form is one.
    """
    for short in short_forms:
        places = [f for f in found if any(a <= f.start and f.end <= b for a, b in short.places)]
        long = next((f for f in found if (f.start, f.end) == short.long), None)
        if long is not None:
            # A longer mention around a short form stays as it is.
            kept = [f for f in found if f not in places]
            new = [Found(a, b, long.kind, long.probability) for a, b in short.places]
            found = sorted([*kept, *_free(new, kept)], key=lambda f: f.start)
        elif not any(f.start < short.long[1] and short.long[0] < f.end for f in found):
            found = [f for f in found if (f.start, f.end) not in short.places]
    return found


def above(heads: Mapping[str, list[Found]], threshold: float) -> dict[str, list[Found]]:
    """Without the mentions whose probability is below the threshold."""
    return {name: [f for f in found if f.probability >= threshold] for name, found in heads.items()}


def combine(heads: Mapping[str, list[Found]], kinds: Mapping[str, Sequence[str]]) -> list[Found]:
    """Join what the heads found into mentions that don't overlap.

    A head that knows diseases but no symptoms (BC5CDR, NCBI) comes from a corpus that calls
    symptoms diseases: it says where, and a head that knows both (MACCROBAT) says which.

    1. Such a Disease becomes a Symptom where the other head finds a Symptom and no Disease.
    2. A Symptom or Disease inside a longer one of such a head is left out: MACCROBAT annotates the
       place in the body apart ("chest", "pain"), and the whole name is what a graph can link.
    3. The same span and kind from several heads is one candidate, with the highest probability.
    4. Candidates are taken from the most probable down, each where no earlier one overlaps it.

    Args:
        heads: what each head found.
        kinds: the kinds that each head knows.
    """
    findings = {
        name: [f for f in found if f.kind in ("Disease", "Symptom")]
        for name, found in heads.items()
    }
    telling = [f for name, part in findings.items() if "Symptom" in kinds[name] for f in part]
    whole = [f for name, part in findings.items() if "Symptom" not in kinds[name] for f in part]
    best: dict[tuple[int, int, str], Found] = {}
    for name, found in heads.items():
        for mention in found:
            if mention.kind == "Disease" and "Symptom" not in kinds[name]:
                here = {f.kind for f in telling if f.start < mention.end and mention.start < f.end}
                if here == {"Symptom"}:
                    mention = replace(mention, kind="Symptom")
            elif mention.kind in ("Disease", "Symptom") and any(
                f.start <= mention.start
                and mention.end <= f.end
                and f.end - f.start > mention.end - mention.start
                for f in whole
            ):
                continue
            key = (mention.start, mention.end, mention.kind)
            if key not in best or best[key].probability < mention.probability:
                best[key] = mention
    ranked = sorted(best.values(), key=lambda f: (-f.probability, f.start, f.start - f.end, f.kind))
    return sorted(_free(ranked, []), key=lambda f: f.start)


def _free(candidates: Iterable[Found], taken: Iterable[Found]) -> list[Found]:
    """The candidates, in their order, that overlap neither what is taken nor an earlier one."""
    used = {position for f in taken for position in range(f.start, f.end)}
    free = []
    for candidate in candidates:
        places = range(candidate.start, candidate.end)
        if used.isdisjoint(places):
            used.update(places)
            free.append(candidate)
    return free


class MedkgNer:
    """spaCy component: sets `doc.spans["mentions"]`, each span's label its kind.

    `span._.probability` is the model's. `doc.ents` is left alone. Offsets are exact on a pipeline
    with this package's tokenizer (`medkg.extract.tokens`); on another, a span grows to its tokens.
    """

    def __init__(self, model: NerModel, threshold: float) -> None:
        self.model = model
        self.threshold = threshold

    def __call__(self, doc: Doc) -> Doc:
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """Annotate many documents, batched by length inside every `batch_size`."""
        for docs in minibatch(stream, batch_size):
            for doc, found in zip(
                docs, self.model.predict([doc.text for doc in docs], self.threshold), strict=True
            ):
                set_mentions(doc, found)
                yield doc


def create_medkg_ner(
    nlp: Language, name: str, model: str | None, threshold: float, device: str | None
) -> MedkgNer:
    """Component from a model's folder (null: the shipped one)."""
    return MedkgNer(NerModel.load(None if model is None else Path(model), device), threshold)


Language.factory(
    "medkg_ner",
    default_config={"model": None, "threshold": THRESHOLD, "device": None},
    func=create_medkg_ner,
)


def set_mentions(doc: Doc, found: Iterable[Found]) -> None:
    """Write mentions into `doc.spans["mentions"]`."""
    spans = []
    for mention in found:
        span = doc.char_span(
            mention.start, mention.end, label=mention.kind, alignment_mode="expand"
        )
        span._.probability = mention.probability
        spans.append(span)
    doc.spans["mentions"] = spans


if not Span.has_extension("probability"):
    Span.set_extension("probability", default=None)
