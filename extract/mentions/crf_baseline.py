"""A baseline: a conditional random field over written-out features, one for each corpus.

The features are the usual ones of biomedical recognisers before neural networks (Settles 2004;
Leaman and Gonzalez 2008): word, affixes, shape, neighbours, and the name lists of `names`. Trained
by CRFsuite (sklearn-crfsuite), L-BFGS with elastic net.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sklearn_crfsuite import CRF

from ...core.errors import ModelError
from ...core.model_folder import read_config, save_files
from ...core.progress import progress
from ...core.temporary import TemporaryFolder
from ..corpora.labels import tagged_spans
from ..tokens import token_offsets
from .names import NameLists, normalised
from .recogniser import MODEL, PredictedMention, TextPrediction, TrainedRecogniser
from .vectors import word_form

ITERATIONS = 100
_AROUND = (-2, -1, 1, 2)


class CrfNer(TrainedRecogniser):
    """A CRF for each head; a mention's probability is the lowest of its tokens' marginals."""

    def __init__(self, taggers: Mapping[str, CRF], heads: Mapping[str, Sequence[str]]) -> None:
        self.kinds = {name: list(kinds) for name, kinds in heads.items()}
        self._taggers = dict(taggers)
        self._names = NameLists.load()
        self._folder: TemporaryFolder | None = None  # deleted with the model

    @classmethod
    def train(
        cls,
        texts: Mapping[str, Sequence[tuple[list[str], list[int]]]],
        heads: Mapping[str, Sequence[str]],
        *,
        iterations: int = ITERATIONS,
    ) -> CrfNer:
        """Train on each corpus' texts, as tokens with their tags (`crf.encode`)."""
        model = cls({}, heads)
        # CRFsuite writes what it learns to a file and reads it from there.
        model._folder = TemporaryFolder()
        with progress("Training", len(texts)) as advance:
            for name, part in texts.items():
                crf = CRF(
                    algorithm="lbfgs",
                    c1=0.1,
                    c2=0.01,
                    max_iterations=iterations,
                    model_filename=str(model._folder.path / f"{name}.crfsuite"),
                )
                tag_names = _tag_names(heads[name])
                crf.fit(
                    (model._features(tokens) for tokens, _ in part),
                    ([tag_names[tag] for tag in tags] for _, tags in part),
                )
                model._taggers[name] = crf
                advance()
        return model

    def predict_heads(self, texts: Sequence[str]) -> list[TextPrediction]:
        return [TextPrediction.undecided(self._predict(text)) for text in texts]

    def _predict(self, text: str) -> dict[str, list[PredictedMention]]:
        offsets = token_offsets(text)
        if not offsets:
            return {name: [] for name in self.kinds}
        features = self._features([text[a:b] for a, b in offsets])
        results = {}
        for name, crf in self._taggers.items():
            tagger = crf.tagger_
            tagger.set(features)
            tags = tagger.tag()
            pairs = [(tag[0], tag[2:]) for tag in tags]
            results[name] = [
                PredictedMention(
                    offsets[first][0],
                    offsets[end - 1][1],
                    kind,
                    min(1.0, min(tagger.marginal(tags[t], t) for t in range(first, end))),
                )
                for first, end, kind in tagged_spans(pairs)
            ]
        return results

    def _features(self, tokens: list[str]) -> list[list[str]]:
        listed = self._names.features(tokens)
        own = [list(_of_token(t, word)) for t, word in zip(tokens, normalised(tokens), strict=True)]
        shapes = [_shape(token) for token in tokens]
        lists = [[f"list{n}" for n in row.nonzero()[0]] for row in listed]
        words = ["", "", *map(word_form, tokens), "", ""]
        features = []
        for place in range(len(tokens)):
            before, word, after = words[place + 1 : place + 4]
            row = ["bias", *own[place], *lists[place]]
            row += [f"{d}:w={words[place + 2 + d]}" for d in _AROUND]
            row += [f"-1|0:{before}|{word}", f"0|1:{word}|{after}"]
            for d in (-1, 1):
                if 0 <= place + d < len(tokens):
                    row += [f"{d}:{name}" for name in lists[place + d]]
                    row += [
                        f"{d}:s={_shape(tokens[place + d])}",
                        f"{d}:z={words[place + 2 + d][-3:]}",
                    ]
                else:
                    row.append(f"{d}:edge")
            row.append(f"s={shapes[place]}")
            features.append(row)
        return features

    def save(self, folder: Path, about: Mapping[str, object], card: str) -> None:
        def write(draft: Path) -> None:
            for name, crf in self._taggers.items():
                shutil.copyfile(crf.modelfile.name, draft / f"{name}.crfsuite")

        save_files(folder, MODEL, {"encoder": "crf", "heads": self.kinds, **about}, card, write)

    @classmethod
    def load(cls, folder: Path) -> CrfNer:
        """Read a model's folder; nothing in it is unpickled.

        Raises:
            ModelError: the folder is missing, damaged, or of another kind or schema version.
        """
        config = read_config(folder, MODEL, {"heads": dict})
        files = {name: folder / f"{name}.crfsuite" for name in config["heads"]}
        missing = [file for file in files.values() if not file.is_file()]
        if missing:
            raise ModelError(f"{missing[0]}: is missing; train the model again")
        return cls(
            {name: CRF(model_filename=str(file)) for name, file in files.items()}, config["heads"]
        )


def _tag_names(kinds: Sequence[str]) -> list[str]:
    """CRFsuite's labels in the order of `crf.encode`'s tags."""
    return ["O", *(f"{prefix}-{kind}" for kind in kinds for prefix in "BI")]


def _of_token(token: str, word: str) -> Iterator[str]:
    form = word_form(token)
    yield f"w={form}"
    yield f"n={word}"
    for n in (2, 3, 4):
        if len(form) > n:
            yield f"a{n}={form[:n]}"
            yield f"z{n}={form[-n:]}"
    if token.isupper():
        yield "upper"
    elif token[0].isupper():
        yield "title"
    if token.isdecimal():
        yield "digits"
    yield f"long={min(len(token), 8)}"


def _shape(token: str) -> str:
    """Letters as X or x, digits as 0, runs cut to one."""
    characters = (
        "0" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else c for c in token
    )
    return re.sub(r"(.)\1+", r"\1", "".join(characters))
