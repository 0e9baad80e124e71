"""llama.cpp in this process (package `xllamacpp`): loading, and one request in a thread.

The package always opens an HTTP port of its own as well, on loopback; a random key that nobody knows keeps
others out. Its constructor holds the GIL while it loads the weights; afterwards its calls release it.
"""

import http.client
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import xllamacpp

from antiphon.engines.registry import SetupError

BATCH_TOKENS = 64
"""Prompt tokens read in one go: a request can be stopped only between two batches, about 0.4 s each on a slow CPU."""
SETUP_TIMEOUT_S = 10.0
_QUIET = -1

OnChunk: TypeAlias = Callable[[Any], bool]
"""Takes a chunk of the answer, as llama.cpp's server streams it; true ends the request. Runs in the server's thread."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the weights are run."""

    path: Path
    context_tokens: int
    parallel: int
    threads: int
    gpu_layers: int | None = None


class LlamaServer:
    """Loaded weights. Every method blocks, and belongs into a thread; `serve` may run in `parallel` threads at once."""

    def __init__(self, settings: ServerSettings) -> None:
        """Load; raises `SetupError` when that fails."""
        _check(settings.path)
        params = _params(settings)
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            raise SetupError(
                f'The weights "{settings.path}" cannot be loaded ({settings.context_tokens * settings.parallel} '
                "tokens of context).",
                "the file may be damaged, of an unknown kind, or too large for the memory: fetch it again, "
                "or try a smaller model or less `context_tokens`",
            ) from error
        self.has_tools = self._properties(params.api_keys[0]).get("chat_template_caps", {}).get("supports_tools", False)
        """Whether the model's own chat template shows functions to it."""

    def serve(self, request: dict[str, Any], on_chunk: OnChunk) -> None:
        """Answer a chat completion request. Failures come as a chunk with the key `error`."""
        self._server.handle_chat_completions(json.dumps(request), lambda chunk: on_chunk(json.loads(chunk)))

    def close(self) -> None:
        """Free weights, threads and port. No request may run."""
        del self._server

    def _properties(self, key: str) -> dict[str, Any]:
        """What the server tells of the model; this alone goes through the port."""
        address = urlsplit(self._server.listening_address)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=SETUP_TIMEOUT_S)
        try:
            connection.request("GET", "/props", headers={"Authorization": f"Bearer {key}"})
            properties: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return properties


def _check(path: Path) -> None:
    """Say plainly what llama.cpp would only log."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise SetupError(f'The weights "{path}" cannot be read: {error.strerror}.', "check the path") from error
    if magic != b"GGUF":
        raise SetupError(f'"{path}" is no GGUF file.', "llama runs GGUF weights only")


def _params(settings: ServerSettings) -> Any:
    params = xllamacpp.CommonParams()
    params.model.path = str(settings.path)
    params.n_ctx = settings.context_tokens * settings.parallel
    params.n_parallel = settings.parallel
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings.threads
    if settings.gpu_layers is not None:
        params.n_gpu_layers = settings.gpu_layers
    params.cache_ram_mib = 0  # prompts are kept in their slots, not in memory beside them
    params.prefill_assistant = False  # after an assistant's message comes a new one
    params.hostnames = ["127.0.0.1"]
    params.api_keys = [secrets.token_urlsafe(32)]
    params.n_threads_http = 1
    params.ui = params.endpoint_slots = params.endpoint_props = False
    params.verbosity = _QUIET
    return params
