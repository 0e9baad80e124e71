"""A Whisper that says what it is told: a real model of CTranslate2's, made of zeros, a few ones and a real tokenizer.

Its layers add nothing, so what it says depends on the place in the answer alone. The format, the tokens and the
reading are those of every Whisper; no weights of a trained one are needed.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tokenizers
from ctranslate2.specs import common_spec, model_spec
from ctranslate2.specs.whisper_spec import WhisperSpec
from faster_whisper.tokenizer import _LANGUAGE_CODES

DEPTH = 32
"""Places of an answer that can be told apart, its prompt included."""
WORDS = 50_256
"""Ordinary tokens of the English models; the special ones follow, as there."""
SPECIAL = [
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{code}|>" for code in _LANGUAGE_CODES[:99]),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
    *(f"<|{step * 0.02:.2f}|>" for step in range(1501)),
]
CERTAIN = 50.0
PROMPT = 2
"""Places that the beginning takes: start, no timestamps. The last one gives the first word."""


def write(folder: Path, words: Sequence[str]) -> Path:
    """Write a model that says `words` to any sound; after a hint it says those that come later."""
    folder.mkdir(parents=True, exist_ok=True)
    tokens = [*words, *(f"w{number}" for number in range(len(words), WORDS - 1)), "<unk>", *SPECIAL]
    ids = {token: number for number, token in enumerate(tokens)}
    spec = _spec(len(tokens), [None] * (PROMPT - 1) + [ids[token] for token in (*words, "<|endoftext|>")])
    spec.config.lang_ids = [ids[f"<|{code}|>"] for code in _LANGUAGE_CODES[:99]]
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], []
    spec.config.alignment_heads = [(0, 0)]
    spec.register_vocabulary(tokens)
    spec.validate()
    spec.optimize(quantization=None)
    spec.save(str(folder))
    _tokenizer(ids).save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": 80}))
    return folder


def _spec(size: int, said: Sequence[int | None]) -> WhisperSpec:
    """At each place, the token of `said` is the likeliest by far; after the last one it is that one again."""
    spec = WhisperSpec(1, 1, 1, 1)
    _fill(spec)
    spec.encoder.conv1.weight = _zeros(DEPTH, 80, 3)
    spec.encoder.conv2.weight = _zeros(DEPTH, DEPTH, 3)
    spec.encoder.position_encodings.encodings = _zeros(1500, DEPTH)
    spec.decoder.embeddings.weight = _zeros(size, DEPTH)
    places = np.eye(DEPTH, dtype=np.float32)
    spec.decoder.position_encodings.encodings = np.concatenate([places, np.tile(places[-1], (448 - DEPTH, 1))])
    spec.decoder.projection.weight = _zeros(size, DEPTH)
    for place in range(DEPTH):
        token = said[min(place, len(said) - 1)]
        if token is not None:
            spec.decoder.projection.weight[token, place] = CERTAIN
    return spec


def _fill(spec: model_spec.LayerSpec) -> None:
    """Layers that add nothing to what they are given."""
    for layer, parts in ((spec.encoder.layer[0], ()), (spec.decoder.layer[0], ("attention",))):
        _attention(layer.self_attention, (3, 1))
        for part in parts:
            _attention(getattr(layer, part), (1, 2, 1))
        _linear(layer.ffn.linear_0, DEPTH)
        _linear(layer.ffn.linear_1, DEPTH)
        _norm(layer.ffn.layer_norm)
    _norm(spec.encoder.layer_norm)
    _norm(spec.decoder.layer_norm)
    for conv in (spec.encoder.conv1, spec.encoder.conv2):
        conv.bias = _zeros(DEPTH)


def _attention(attention: model_spec.LayerSpec, widths: Sequence[int]) -> None:
    _norm(attention.layer_norm)
    for linear, width in zip(attention.linear, widths, strict=True):
        _linear(linear, width * DEPTH)


def _linear(linear: common_spec.LinearSpec, rows: int) -> None:
    linear.weight, linear.bias = _zeros(rows, DEPTH), _zeros(rows)


def _norm(norm: common_spec.LayerNormSpec) -> None:
    norm.gamma, norm.beta = np.ones(DEPTH, np.float32), _zeros(DEPTH)


def _zeros(*shape: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    return np.zeros(shape, np.float32)


def _tokenizer(ids: dict[str, int]) -> tokenizers.Tokenizer:
    """Words are tokens."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(ids, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    return tokenizer
