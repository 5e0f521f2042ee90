"""Any Hugging Face encoder (BioBERT, PubMedBERT, …) in the place of the BiLSTM.

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

_LONGEST = 512  # pieces of a window, the two marks around it included
_WINDOWS = 32  # that go through the encoder at once when predicting


class TransformerEncoder(nn.Module):
    """Texts as lists of tokens → states, shape (texts, longest, hidden size), zero past the end."""

    def __init__(self, config: Any, tokenizer: Any, encoder: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = tokenizer
        self.encoder = encoder
        self.dropout = nn.Dropout(0.1)
        self.width = int(config.hidden_size)
        self.reach = reach_of(config)

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
        pieces, places = [], []
        for row, text in enumerate(texts):
            encoded = self.tokenizer(list(text), is_split_into_words=True, add_special_tokens=False)
            for window, chosen in windows_of(encoded["input_ids"], encoded.word_ids(), self.reach):
                pieces.append(window)
                places.append([(row, token, piece) for token, piece in chosen])
        device = next(self.parameters()).device
        states = torch.zeros(len(texts), max(map(len, texts)), self.width, device=device)
        for first in range(0, len(pieces), _WINDOWS):
            hidden = self._encode(pieces[first : first + _WINDOWS], device)
            where = [
                (row, token, window, piece + 1)
                for window, chosen in enumerate(places[first : first + _WINDOWS])
                for row, token, piece in chosen
            ]
            rows, tokens, windows, positions = torch.tensor(where, device=device).T
            states = states.index_put((rows, tokens), hidden[windows, positions].float())
        dropped: Tensor = self.dropout(states)
        return dropped

    def _encode(self, windows: list[list[int]], device: torch.device) -> Tensor:
        ids, mask = frame(windows, self.tokenizer)
        output = self.encoder(input_ids=ids.to(device), attention_mask=mask.to(device))
        hidden: Tensor = output.last_hidden_state
        return hidden


_OFFSET_POSITIONS = ("roberta", "xlm-roberta", "camembert", "longformer", "mpnet")


def reach_of(config: Any) -> int:
    """How many pieces a window may have, the two marks around it not counted."""
    positions = int(getattr(config, "max_position_embeddings", _LONGEST))
    # RoBERTa and its kin count positions from the padding's number on.
    offset = config.pad_token_id + 1 if config.model_type in _OFFSET_POSITIONS else 0
    return min(_LONGEST, positions - offset) - 2


def frame(windows: Sequence[list[int]], tokenizer: Any) -> tuple[Tensor, Tensor]:
    """Windows between the encoder's two marks, padded, and their mask: (windows, longest)."""
    # Encoders without marks of their own (a few of the later ones) begin and end texts otherwise.
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
    """The encoder's tokenizer; one that lowers a vocabulary with capitals is put right.

    BioBERT's cased releases come without the file that says so, and transformers lowers by default.
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
    """A text's pieces in windows of `reach`, each with the (token, piece) it gives states for.

    A token counts by its first piece; one without pieces (a sign that the tokenizer drops) has no
    state.
    """
    stride = max(1, reach // 2)
    starts = list(range(0, max(1, len(pieces) - reach + stride), stride))
    chosen: list[list[tuple[int, int]]] = [[] for _ in starts]
    seen: set[int] = set()
    for position, owner in enumerate(owners):
        if owner is None or owner in seen:
            continue
        seen.add(owner)
        best = max(
            (n for n, start in enumerate(starts) if start <= position < start + reach),
            key=lambda n: min(position - starts[n], starts[n] + reach - position),
        )
        chosen[best].append((owner, position - starts[best]))
    return [
        (pieces[start : start + reach], places)
        for start, places in zip(starts, chosen, strict=True)
        if places
    ]
