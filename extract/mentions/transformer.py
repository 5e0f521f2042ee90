"""Hugging Face encoders (BioBERT, PubMedBERT, …) for the mention recogniser.

Devlin et al. 2019 for the fine-tuning, Lee et al. 2020 for BioBERT. A token's state is that of its
first piece; texts longer than the encoder reads are cut into windows that overlap by half, and each
token takes its state from the window in which it stands furthest from an edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer

from ...core.errors import ModelError

_MAX_PIECES = 512  # of a window, with its two special tokens
_WINDOWS_PER_BATCH = 32


class TransformerEncoder(nn.Module):
    """Texts as lists of tokens → states, shape (texts, longest, hidden size), zero past the end."""

    def __init__(self, config: Any, tokenizer: Any, encoder: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = tokenizer
        self.encoder = encoder
        self.dropout = nn.Dropout(0.1)
        self.width = int(config.hidden_size)
        self.reach = max_window_pieces(config)

    @classmethod
    def from_pretrained(cls, name: str) -> TransformerEncoder:
        """An encoder by its name on the Hugging Face hub, or from a local folder.

        Raises:
            ModelError: there is none, or it can't be reached or read.
        """
        try:
            config = AutoConfig.from_pretrained(name)
            tokenizer = cased_tokenizer(name)
            encoder = AutoModel.from_pretrained(name)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise ModelError(
                f"{name}: is no encoder that transformers can load here; give a local folder with "
                "config.json, vocabulary and weights, or a name while the hub can be reached"
            ) from error
        return cls(config, tokenizer, encoder)

    def add_lora(self, rank: int) -> None:
        """Train low-rank additions to every linear layer instead of the layers (Hu et al. 2022).

        Raises:
            ModelError: the package peft is not installed.
        """
        try:
            from peft import LoraConfig, get_peft_model
        except ImportError as error:
            raise ModelError("LoRA needs the package peft: pip install 'medkg[hf]'") from error
        config = LoraConfig(
            r=rank, lora_alpha=2 * rank, lora_dropout=0.1, target_modules="all-linear"
        )
        self.encoder = get_peft_model(self.encoder, config)

    def merge_lora(self) -> None:
        """Add the additions to the layers' weights, so that the encoder is a plain one again."""
        self.encoder = self.encoder.merge_and_unload()  # type: ignore[operator]  # peft's model

    @classmethod
    def from_description(cls, folder: Path) -> TransformerEncoder:
        """The architecture and tokenizer that `save_description` wrote, weights untrained.

        Raises:
            ModelError: the folder is missing or damaged.
        """
        try:
            config = AutoConfig.from_pretrained(folder)
            tokenizer = AutoTokenizer.from_pretrained(folder)
            encoder = AutoModel.from_config(config)  # type: ignore[no-untyped-call]
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise ModelError(f"{folder}: is missing or damaged; train the model again") from error
        return cls(config, tokenizer, encoder)

    def save_description(self, folder: Path) -> None:
        """Write the encoder's config and tokenizer; the weights are the whole model's."""
        self.config.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    def forward(self, texts: Sequence[Sequence[str]]) -> Tensor:
        windows: list[list[int]] = []
        sources: list[list[tuple[int, int, int]]] = []  # of a window: (row, token, piece)
        for row, text in enumerate(texts):
            encoded = self.tokenizer(list(text), is_split_into_words=True, add_special_tokens=False)
            for window, first_pieces in windows_of(
                encoded["input_ids"], encoded.word_ids(), self.reach
            ):
                windows.append(window)
                sources.append([(row, token, piece) for token, piece in first_pieces])
        device = next(self.parameters()).device
        states = torch.zeros(len(texts), max(map(len, texts)), self.width, device=device)
        for first in range(0, len(windows), _WINDOWS_PER_BATCH):
            hidden = self._encode(windows[first : first + _WINDOWS_PER_BATCH], device)
            indices = [
                (row, token, number, piece + 1)
                for number, pieces in enumerate(sources[first : first + _WINDOWS_PER_BATCH])
                for row, token, piece in pieces
            ]
            rows, tokens, numbers, positions = torch.tensor(indices, device=device).T
            states = states.index_put((rows, tokens), hidden[numbers, positions].float())
        dropped: Tensor = self.dropout(states)
        return dropped

    def _encode(self, windows: list[list[int]], device: torch.device) -> Tensor:
        ids, mask = with_special_tokens(windows, self.tokenizer)
        output = self.encoder(input_ids=ids.to(device), attention_mask=mask.to(device))
        hidden: Tensor = output.last_hidden_state
        return hidden


_OFFSET_POSITIONS = ("roberta", "xlm-roberta", "camembert", "longformer", "mpnet")


def max_window_pieces(config: Any) -> int:
    """How many pieces a window may have, without its two special tokens."""
    positions = int(getattr(config, "max_position_embeddings", _MAX_PIECES))
    # RoBERTa and models derived from it count positions from the padding's id on.
    offset = config.pad_token_id + 1 if config.model_type in _OFFSET_POSITIONS else 0
    return min(_MAX_PIECES, positions - offset) - 2


def with_special_tokens(windows: Sequence[list[int]], tokenizer: Any) -> tuple[Tensor, Tensor]:
    """Add the two special tokens to windows and pad them; ids and mask, each (windows, longest)."""
    # A few later encoders have no CLS and SEP, and begin and end texts by BOS and EOS.
    first = tokenizer.cls_token_id if tokenizer.cls_token_id is not None else tokenizer.bos_token_id
    last = tokenizer.sep_token_id if tokenizer.sep_token_id is not None else tokenizer.eos_token_id
    longest = max(map(len, windows)) + 2
    ids = torch.full((len(windows), longest), tokenizer.pad_token_id)
    mask = torch.zeros((len(windows), longest), dtype=torch.long)
    for row, window in enumerate(windows):
        ids[row, : len(window) + 2] = torch.tensor([first, *window, last])
        mask[row, : len(window) + 2] = 1
    return ids, mask


def cased_tokenizer(name: str) -> Any:
    """Load the tokenizer of an encoder, without lower-casing if its vocabulary has capitals.

    BioBERT's cased releases lack the file that says so, and transformers lower-cases by default.
    """
    tokenizer = AutoTokenizer.from_pretrained(name)
    special = set(tokenizer.all_special_tokens)
    cased = any(piece != piece.lower() for piece in tokenizer.get_vocab() if piece not in special)
    if cased and getattr(tokenizer, "do_lower_case", False):
        tokenizer = AutoTokenizer.from_pretrained(name, do_lower_case=False)
    return tokenizer


def windows_of(
    pieces: list[int], owners: list[int | None], reach: int
) -> list[tuple[list[int], list[tuple[int, int]]]]:
    """Cut pieces into windows of `reach`, each with the (token, piece) that it gives states for.

    A token's state is that of its first piece; one without pieces (a character that the tokenizer
    drops) has none.
    """
    stride = max(1, reach // 2)
    starts = list(range(0, max(1, len(pieces) - reach + stride), stride))
    first_pieces: list[list[tuple[int, int]]] = [[] for _ in starts]
    done: set[int] = set()
    for position, owner in enumerate(owners):
        if owner is None or owner in done:
            continue
        done.add(owner)
        best = max(
            (n for n, start in enumerate(starts) if start <= position < start + reach),
            key=lambda n: min(position - starts[n], starts[n] + reach - position),
        )
        first_pieces[best].append((owner, position - starts[best]))
    return [
        (pieces[start : start + reach], tokens)
        for start, tokens in zip(starts, first_pieces, strict=True)
        if tokens
    ]
