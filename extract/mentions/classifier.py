"""Any token-classification model of Hugging Face's transformers, as it was fine-tuned.

The labels are the model's own (`id2label`: B-, I- and plain ones), read as this project's kinds.
A word, as the model's tokenizer cuts it, has the labels of its first piece (Devlin et al. 2019);
texts longer than the model reads are cut into windows that overlap by half.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoModelForTokenClassification

from ...core.errors import ModelError
from ..corpora.labels import kind_of, split_tag, tagged_spans
from .recogniser import PredictedMention, Recogniser, TextPrediction
from .transformer import (
    cased_tokenizer,
    max_window_pieces,
    windows_of,
    with_special_tokens,
)

_WINDOWS = 32  # that go through the model at once


class TokenClassifier(Recogniser):
    """One head, named as the model.

    A word's label is the one with the highest probability (softmax), and its probability the sum
    over the labels of that kind; a mention's is the lowest of its words'.
    """

    def __init__(self, name: str, network: nn.Module, tokenizer: Any) -> None:
        self._network = network.eval()
        self._tokenizer = tokenizer
        config: Any = network.config
        tags = [split_tag(str(config.id2label[n])) for n in range(len(config.id2label))]
        self._tags = [(prefix, kind_of(label) or "") for prefix, label in tags]
        kinds = sorted({kind for _, kind in self._tags if kind})
        if not kinds:
            labels = ", ".join(sorted(set(map(str, config.id2label.values()))))
            raise ModelError(f"{name}: none of its labels is a kind of medkg's ({labels})")
        self.kinds = {Path(name).name: kinds}
        # (labels, kinds and last what is none of them): which labels make up a kind.
        self._groups = torch.zeros(len(tags), len(kinds) + 1)
        self._of_tag = [kinds.index(kind) if kind else len(kinds) for _, kind in self._tags]
        self._groups[torch.arange(len(tags)), torch.tensor(self._of_tag)] = 1
        self._reach = max_window_pieces(config)

    @classmethod
    def open(cls, model: str, device: str | None = None) -> TokenClassifier:
        """A model by its folder, or its name on the hub.

        Raises:
            ModelError: there is none, it can't be reached or read, or none of its labels is a kind.
        """
        try:
            network, report = AutoModelForTokenClassification.from_pretrained(
                model, output_loading_info=True
            )
            tokenizer = cased_tokenizer(model)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise ModelError(
                f"{model}: is no token-classification model that transformers can load here; give "
                "a local folder with config.json, tokenizer and weights, or a name while the hub "
                "can be reached"
            ) from error
        if any("classifier" in name or "score" in name for name in report["missing_keys"]):
            raise ModelError(
                f"{model}: is an encoder that nobody has fine-tuned to find mentions; "
                "medkg train ner --model does that"
            )
        if not getattr(tokenizer, "is_fast", False):
            raise ModelError(f"{model}: its tokenizer gives no offsets (it is not a fast one)")
        place = device or ("cuda" if torch.cuda.is_available() else "cpu")
        return cls(model, network.to(place), tokenizer)

    @torch.inference_mode()
    def predict_heads(self, texts: Sequence[str]) -> list[TextPrediction]:
        encoded = [
            self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
            for text in texts
        ]
        windows: list[list[int]] = []
        places: list[tuple[int, int, int]] = []  # text, word, piece of the last window
        rows: list[int] = []
        for n, text in enumerate(encoded):
            for window, chosen in windows_of(text["input_ids"], text.word_ids(), self._reach):
                rows += [len(windows)] * len(chosen)
                places += [(n, word, piece + 1) for word, piece in chosen]
                windows.append(window)
        words: list[dict[int, Tensor]] = [{} for _ in texts]
        if windows:
            probabilities = self._probabilities(windows)
            for row, (n, word, piece) in zip(rows, places, strict=True):
                words[n][word] = probabilities[row][piece]
        (name,) = self.kinds
        return [
            TextPrediction.undecided({name: self._mentions(text, pieces, of_text)})
            for text, pieces, of_text in zip(texts, encoded, words, strict=True)
        ]

    def _probabilities(self, windows: list[list[int]]) -> list[Tensor]:
        """Of each window's pieces the probability of every label, on the CPU."""
        device = next(self._network.parameters()).device
        # Windows about equally long go together.
        order = sorted(range(len(windows)), key=lambda n: len(windows[n]))
        result: list[Tensor] = [torch.empty(0)] * len(windows)
        for first in range(0, len(order), _WINDOWS):
            batch = order[first : first + _WINDOWS]
            ids, mask = with_special_tokens([windows[n] for n in batch], self._tokenizer)
            output = self._network(input_ids=ids.to(device), attention_mask=mask.to(device))
            for n, row in zip(batch, output.logits.float().softmax(dim=2).cpu(), strict=True):
                result[n] = row
        return result

    def _mentions(
        self, text: str, encoded: Any, words: dict[int, Tensor]
    ) -> list[PredictedMention]:
        if not words:
            return []
        order = sorted(words)
        probabilities = torch.stack([words[word] for word in order])
        best = probabilities.argmax(dim=1).tolist()
        of_kind = probabilities @ self._groups
        tags = [self._tags[label] if self._tags[label][1] else ("O", "") for label in best]
        mentions = []
        for first, end, kind in tagged_spans(tags):
            start = encoded.word_to_chars(order[first]).start
            stop = encoded.word_to_chars(order[end - 1]).end
            # Byte-level tokenizers count white space to their words, or as words.
            within = text[start:stop]
            if not within.strip():
                continue
            start += len(within) - len(within.lstrip())
            stop = start + len(within.strip())
            probability = min(float(of_kind[n, self._of_tag[best[n]]]) for n in range(first, end))
            mentions.append(PredictedMention(start, stop, kind, min(1.0, probability)))
        return mentions
