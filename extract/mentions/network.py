"""The mention recogniser (one encoder, a CRF head for each corpus) and the spaCy component."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import spacy
import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import minibatch
from torch import Tensor, nn

from ...core.atomic import json_object
from ...core.errors import ModelError
from ...core.json_reading import VOCABULARY_LIMITS, read_json
from ...core.model_folder import load_weights, read_config, save_network
from ..abbreviations import find_abbreviations
from ..tokens import longest_first, text_of, token_offsets
from .bilstm import BiLSTMEncoder, Vocabulary
from .crf import CRF, decode
from .hashed_gazetteer import HashedGazetteer
from .names import NameLists
from .recogniser import (
    MODEL,
    THRESHOLD,
    PredictedMention,
    Recogniser,
    TextPrediction,
    TrainedRecogniser,
    clean_mentions,
    propagate_abbreviations,
    set_mentions,
)

SHIPPED = Path(__file__).parent.parent / "model" / "ner"
DEFAULT = "default"  # what the shipped model is called beside others
_NAMES = "names.safetensors"
_TOKENS = 8192  # of a batch when predicting, padding included
_SHRINKAGE = 0.1  # of a covariance


class NerModel(nn.Module, TrainedRecogniser):
    """An encoder (tokens of texts → states); for each corpus, a head of tag scores and a CRF."""

    def __init__(self, encoder: nn.Module, heads: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self.encoder = encoder
        self.kinds = {}
        self.scores, self.crfs = nn.ModuleDict(), nn.ModuleDict()
        width = self._width = int(encoder.width)  # type: ignore[arg-type]  # a Tensor, to mypy
        # The mean state of the texts of each head's corpus, and the covariance within the corpora,
        # see `fit_likeness`. As long as the means are zero, a text is equally like all.
        self.centres: Tensor
        self.covariance: Tensor
        self.register_buffer("centres", torch.zeros(0, width))
        self.register_buffer("covariance", torch.eye(width))
        self.add_heads(heads)

    def add_heads(self, heads: Mapping[str, Sequence[str]]) -> None:
        """Give it untrained heads: the kinds of each, by its name; one of that name is replaced."""
        for name, kinds in heads.items():
            self.kinds[name] = list(kinds)
            self.scores[name] = nn.Linear(self._width, 1 + 2 * len(kinds))
            self.crfs[name] = CRF(len(kinds))
        device = self.covariance.device
        self.scores.to(device)
        self.crfs.to(device)
        centres = torch.zeros(len(self.kinds), self._width, device=device)
        centres[: len(self.centres)] = self.centres
        self.centres = centres

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
    def predict_heads(self, texts: Sequence[str]) -> list[TextPrediction]:
        """What each head finds in each text, abbreviations made consistent, in order."""
        self.eval()
        offsets = [token_offsets(text) for text in texts]
        results = [TextPrediction.undecided({name: [] for name in self.kinds}) for _ in texts]
        filled = [n for n in range(len(texts)) if offsets[n]]
        for batch in longest_first(filled, lambda n: len(offsets[n]), _TOKENS):
            tokens = [[texts[n][a:b] for a, b in offsets[n]] for n in batch]
            states = self.encoder(tokens)
            likeness = self._likeness(_mean_states(states, tokens)).tolist()
            decoded = self._decode(states, tokens)
            for n, spans, of_text in zip(batch, decoded, likeness, strict=True):
                results[n].likeness.update(zip(self.kinds, of_text, strict=True))
                short_forms = find_abbreviations(texts[n])
                for name, kinds in self.kinds.items():
                    mentions = [
                        PredictedMention(
                            offsets[n][i][0], offsets[n][j - 1][1], kinds[kind], probability
                        )
                        for i, j, kind, probability in spans[name]
                    ]
                    results[n].mentions[name] = propagate_abbreviations(mentions, short_forms)
        return results

    @torch.inference_mode()
    def mean_states(self, tokens: Sequence[Sequence[str]]) -> Tensor:
        """The mean state of each text, (texts, width)."""
        self.eval()
        return _mean_states(self.encoder(tokens), tokens)

    def _likeness(self, means: Tensor) -> Tensor:
        """How like texts are to those of the heads' corpora, of sum 1, (texts, heads).

        By linear discriminants (Fisher 1936), the covariance shrunk towards its mean diagonal.
        """
        shrunk = self.covariance.diagonal().mean() * _SHRINKAGE
        covariance = self.covariance + shrunk * torch.eye(self._width, device=means.device)
        weights = torch.linalg.solve(covariance, self.centres.T)
        bias = -0.5 * (self.centres.T * weights).sum(0)
        likeness: Tensor = (means @ weights + bias).softmax(dim=1)
        return likeness

    def scores_of(self, tokens: Sequence[Sequence[str]]) -> tuple[Tensor, Tensor, Tensor]:
        """What all heads' CRFs go by, see `_scores`."""
        return self._scores(self.encoder(tokens), tokens)

    def _scores(
        self, states: Tensor, tokens: Sequence[Sequence[str]]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What all heads' CRFs go by.

        Returns:
            Emissions (texts, heads, longest, tags), transitions (heads, tags, tags), both for as
            many tags as the largest head has, those that another lacks never winning; the number
            of tokens (texts,).
        """
        lengths = torch.tensor([len(text) for text in tokens], device=states.device)
        most = max(1 + 2 * len(kinds) for kinds in self.kinds.values())
        emissions, transitions = [], []
        for name in self.kinds:
            scores = self.scores[name](states).float()
            extra = most - scores.shape[2]
            emissions.append(nn.functional.pad(scores, (0, extra), value=-1e4))
            moves = self.crfs[name].scores()  # type: ignore[operator]  # a CRF, to mypy a Module
            transitions.append(nn.functional.pad(moves, (0, extra, 0, extra), value=-1e4))
        return torch.stack(emissions, dim=1), torch.stack(transitions), lengths

    def _decode(
        self, states: Tensor, tokens: list[list[str]]
    ) -> list[dict[str, list[tuple[int, int, int, float]]]]:
        emissions, transitions, lengths = self._scores(states, tokens)
        heads = len(self.kinds)
        rows = decode(
            emissions.flatten(0, 1),
            transitions.repeat(len(tokens), 1, 1),
            lengths.repeat_interleave(heads),
        )
        return [
            dict(zip(self.kinds, rows[n * heads : (n + 1) * heads], strict=True))
            for n in range(len(tokens))
        ]

    def save(self, folder: Path, about: Mapping[str, object], card: str) -> None:
        """Write `config.json`, half-precision weights, what the encoder needs, and `CARD.md`."""
        bilstm = isinstance(self.encoder, BiLSTMEncoder)
        config = {
            "encoder": "bilstm" if bilstm else "transformer",
            "heads": self.kinds,
            **about,
        }
        save_network(folder, MODEL, self, config, card, self._write_encoder)

    def _write_encoder(self, draft: Path) -> None:
        if isinstance(self.encoder, BiLSTMEncoder):
            text = json.dumps(self.encoder.vocabulary.entries, ensure_ascii=False)
            (draft / "vocabulary.json").write_text(text, encoding="utf-8")
            if self.encoder.learnt.width:
                self.encoder.learnt.save(draft / _NAMES)
        else:
            self.encoder.save_description(draft / "encoder")  # type: ignore[operator]  # a Module

    @classmethod
    def load(cls, folder: Path | None = None, device: str | None = None) -> NerModel:
        """Read a model's folder (default: the shipped one); nothing in it is unpickled.

        Raises:
            ModelError: the folder is missing, damaged, or of another kind or schema version.
        """
        folder = SHIPPED if folder is None else Path(folder)
        config = read_config(folder, MODEL, {"encoder": str, "heads": dict})
        if config["encoder"] not in ("bilstm", "transformer"):
            raise ModelError(f"{folder}: is a recogniser without a network ({config['encoder']})")
        if config["encoder"] == "bilstm":
            entries = read_json(folder / "vocabulary.json", limits=VOCABULARY_LIMITS)
            file = folder / _NAMES
            learnt = HashedGazetteer.load(file) if file.is_file() else HashedGazetteer({})
            encoder: nn.Module = BiLSTMEncoder(Vocabulary(entries), NameLists.load(), learnt)
        else:
            # transformers takes seconds to import, and only these models need it.
            from .transformer import TransformerEncoder

            encoder = TransformerEncoder.from_description(folder / "encoder")
            device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        model = cls(encoder, config["heads"])
        load_weights(folder, model)
        return model.to(device or "cpu").eval()


def _mean_states(states: Tensor, tokens: Sequence[Sequence[str]]) -> Tensor:
    """The mean of each text's states (texts, longest, width)."""
    lengths = torch.tensor([[len(text)] for text in tokens], device=states.device)
    there = torch.arange(states.shape[1], device=states.device) < lengths
    return (states.float() * there[:, :, None]).sum(1) / lengths


def recogniser_folder(model: Path | str | None) -> Path:
    """Where a model that `load_recogniser` knows lies, if it is a folder."""
    return SHIPPED if model is None or model == DEFAULT else Path(model)


def load_recogniser(model: Path | str | None = None, device: str | None = None) -> Recogniser:
    """Any recogniser that a user can name.

    Args:
        model: a folder that `medkg train ner` wrote; a spaCy model, by its folder or the name of
            its package (`en_ner_bc5cdr_md`); a token-classification model of Hugging Face's
            transformers, by its folder or its name on the hub, with a slash (`OWNER/MODEL`); None
            or "default": the one that ships.
        device: "cpu", "cuda", …; None: the GPU, if there is one, for transformers, else the CPU.

    Raises:
        ModelError: it is none of these, or missing, damaged, or finds no mentions.
    """
    if model is None or model == DEFAULT:
        return NerModel.load(None, device)
    folder, name = Path(model), str(model)
    if (folder / "meta.json").is_file() or spacy.util.is_package(name):
        from .spacy_ner import SpacyNer

        return SpacyNer.open(name)
    config = json_object(folder / "config.json") or {}
    if config.get("kind") == MODEL:
        if config.get("encoder") == "spacy":
            from .spacy_ner import SpacyNer

            return SpacyNer.load(folder)
        if config.get("encoder") == "crf":
            # scikit-learn and transformers take seconds to import.
            from .crf_baseline import CrfNer

            return CrfNer.load(folder)
        return NerModel.load(folder, device)
    if "model_type" in config or (not folder.parent.exists() and name.count("/") == 1):
        from .classifier import TokenClassifier

        return TokenClassifier.open(name, device)
    if folder.is_dir():
        return NerModel.load(folder, device)  # says what is wrong with it
    raise ModelError(
        f"{name}: is neither a folder of medkg train ner, nor a spaCy model that is installed, nor "
        "a token-classification model of Hugging Face (a folder, or OWNER/MODEL)"
    )


class MedkgNer:
    """spaCy component: sets `doc.spans["mentions"]`, each span's label its kind.

    `span._.probability` is the model's (1 from spaCy's models, which give none). `doc.ents` is left
    alone. Offsets are exact on a pipeline with this package's tokenizer (`medkg.extract.tokens`);
    on another, a span grows to its tokens.
    """

    def __init__(self, model: Recogniser, threshold: float) -> None:
        self.model = model
        self.threshold = threshold

    def __call__(self, doc: Doc) -> Doc:
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """Annotate many documents, batched by length inside every `batch_size`."""
        for docs in minibatch(stream, batch_size):  # type: ignore[no-untyped-call]
            for doc, mentions in zip(
                docs,
                self.model.predict([text_of(doc) for doc in docs], self.threshold),
                strict=True,
            ):
                set_mentions(doc, clean_mentions(doc, mentions))
                yield doc


def create_medkg_ner(
    nlp: Language,
    name: str,
    model: str | None,
    threshold: float,
    device: str | None,
) -> MedkgNer:
    """Component from any model that `load_recogniser` knows (null: the shipped one)."""
    del nlp, name  # spaCy gives every factory both, by these names
    return MedkgNer(load_recogniser(model, device), threshold)


Language.factory(
    "medkg_ner",
    default_config={"model": None, "threshold": THRESHOLD, "device": None},
    func=create_medkg_ner,
)
