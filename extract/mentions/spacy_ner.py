"""spaCy's recognisers: anybody's model, scispaCy's among them, and spaCy's CNN as a baseline.

The baseline is spaCy's own default: hashed embeddings of word, prefix, suffix and shape, four
convolutions of width 96 and a transition-based parser (Honnibal 2017), on this package's tokens,
one for each corpus, without pretrained vectors.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import (  # type: ignore[attr-defined]  # two are not in its __all__
    compounding,
    filter_spans,
    fix_random_seed,
    minibatch,
)

from ...core.errors import ModelError
from ...core.model_folder import read_config, save_files
from ...core.progress import progress
from ..corpora.labels import kind_of
from ..tokens import blank
from .recogniser import MODEL, PredictedMention, TextPrediction, TrainedRecogniser

EPOCHS = 15


class SpacyNer(TrainedRecogniser):
    """spaCy pipelines, one for each head.

    Labels that stand for no kind (`labels.kind_of`) are left out. spaCy gives an entity no
    probability, so each has 1.
    """

    def __init__(
        self, pipelines: Mapping[str, Language], heads: Mapping[str, Sequence[str]]
    ) -> None:
        self.kinds = {name: list(kinds) for name, kinds in heads.items()}
        self._pipelines = dict(pipelines)

    def predict_heads(self, texts: Sequence[str]) -> list[TextPrediction]:
        results: list[dict[str, list[PredictedMention]]] = [{} for _ in texts]
        for name, nlp in self._pipelines.items():
            for result, doc in zip(results, nlp.pipe(texts), strict=True):
                entities = [(entity, kind_of(entity.label_)) for entity in doc.ents]
                result[name] = [
                    PredictedMention(e.start_char, e.end_char, k, 1.0) for e, k in entities if k
                ]
        return [TextPrediction.undecided(mentions) for mentions in results]

    @classmethod
    def open(cls, model: str) -> SpacyNer:
        """Anybody's spaCy model: the name of an installed package, or a folder.

        Raises:
            ModelError: no such model, or one that finds no entities.
        """
        try:
            nlp = spacy.load(model)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"{model}: is no spaCy model that can be loaded here: {error}"
            ) from error
        finders = [p for p in ("ner", "entity_ruler", "span_ruler") if p in nlp.pipe_names]
        if not finders:
            raise ModelError(f"{model}: is a spaCy model that finds no entities")
        labels = {label for name in finders for label in nlp.pipe_labels[name]}
        kinds = sorted({kind for label in labels if (kind := kind_of(label))})
        if not kinds:
            raise ModelError(
                f"{model}: none of its labels is a kind of medkg's ({', '.join(sorted(labels))})"
            )
        return cls({Path(model).name: nlp}, {Path(model).name: kinds})

    @classmethod
    def train(
        cls,
        texts: Mapping[str, Sequence[tuple[str, list[tuple[int, int, str]]]]],
        heads: Mapping[str, Sequence[str]],
        *,
        epochs: int = EPOCHS,
        seed: int = 0,
    ) -> SpacyNer:
        """Train on each corpus' texts with their mentions (start, end, kind) in characters."""
        pipelines = {}
        with progress("Training", len(texts) * epochs) as advance:
            for name, part in texts.items():
                fix_random_seed(seed)
                nlp = blank()
                nlp.add_pipe("ner")
                examples = [_example(nlp, text, spans) for text, spans in part]
                optimizer = nlp.initialize(partial(list, examples))
                generator = random.Random(seed)
                sizes = compounding(4.0, 16.0, 1.001)
                for epoch in range(epochs):
                    generator.shuffle(examples)
                    losses: dict[str, float] = {}
                    for batch in minibatch(examples, sizes):  # type: ignore[no-untyped-call]
                        nlp.update(batch, sgd=optimizer, drop=0.2, losses=losses)
                    advance(1, f"{name}, epoch {epoch + 1}, loss {losses['ner']:.0f}")
                # The parameters' averages over training, as spaCy's own training saves them.
                with nlp.use_params(optimizer.averages):
                    pipelines[name] = blank()
                    pipelines[name].add_pipe("ner")
                    pipelines[name].from_bytes(nlp.to_bytes())
        return cls(pipelines, heads)

    def save(self, folder: Path, about: Mapping[str, object], card: str) -> None:
        def write(draft: Path) -> None:
            for name, nlp in self._pipelines.items():
                nlp.to_disk(draft / name)

        save_files(folder, MODEL, {"encoder": "spacy", "heads": self.kinds, **about}, card, write)

    @classmethod
    def load(cls, folder: Path) -> SpacyNer:
        """Read a folder that `save` wrote; nothing in it is unpickled.

        Raises:
            ModelError: the folder is missing, damaged, or of another kind or schema version.
        """
        heads = read_config(folder, MODEL, {"heads": dict})["heads"]
        try:
            return cls({name: spacy.load(folder / name) for name in heads}, heads)
        except (OSError, ValueError) as error:
            raise ModelError(f"{folder}: is damaged; train the model again") from error


def _example(nlp: Language, text: str, spans: list[tuple[int, int, str]]) -> Example:
    reference: Doc = nlp.make_doc(text)
    entities = [
        reference.char_span(a, b, label=kind, alignment_mode="expand") for a, b, kind in spans
    ]
    reference.ents = filter_spans([span for span in entities if span is not None])
    return Example(nlp.make_doc(text), reference)
