"""An endpoint that speaks the OpenAI API, as the operator names it, and the connections to it.

Connections are shared by all sessions and kept open between turns. The endpoint need not run when we start.
"""

from typing import Any
from urllib.parse import urlsplit

import msgspec
import openai
from openai import AsyncOpenAI

from antiphon.engines.registry import EngineSpec, SetupError

OPENAI_URL = "https://api.openai.com/v1"
KEEP_OPEN_S = 120.0
"""How long an idle connection is kept. Between two turns of a conversation there may be a minute."""
MAX_CONNECTIONS = 1000


class EndpointOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the operator may say of any endpoint."""

    base_url: str | None = None
    model: str | None = None
    api_key: str | None = None
    timeout_s: float = 60.0
    """The longest wait for the next piece of an answer, the first one included."""
    max_retries: int = 1
    """Repeats of a request that was refused or lost before its answer began."""
    headers: dict[str, str] = {}
    extra_body: dict[str, Any] = {}
    """Parameters of this endpoint alone, such as `{"keep_alive": "1h"}`."""


def address_of(spec: EngineSpec, options: EndpointOptions, kind: str) -> tuple[str, str]:
    """The base URL and the model; raises `SetupError` where the model or a proper URL is missing."""
    base_url = spec.url or options.base_url or OPENAI_URL
    model = spec.model or options.model
    if urlsplit(base_url).scheme not in ("http", "https"):
        raise SetupError(f'"{base_url}" is no URL of a {kind} endpoint.', "write openai:http://HOST:PORT/v1#MODEL")
    if model is None:
        raise SetupError(f'"{spec.text}" names no model.', f"write openai:{base_url}#MODEL")
    return base_url, model


def client_of(base_url: str, options: EndpointOptions) -> AsyncOpenAI:
    """A pool of connections; connects to nothing yet."""
    limits = type(openai.DEFAULT_CONNECTION_LIMITS)(  # of whichever HTTP library the SDK uses
        max_connections=MAX_CONNECTIONS, keepalive_expiry=KEEP_OPEN_S
    )
    return AsyncOpenAI(
        api_key=options.api_key or "none",
        base_url=base_url,
        timeout=options.timeout_s,
        max_retries=options.max_retries,
        default_headers=options.headers,
        http_client=openai.DefaultAsyncHttpxClient(limits=limits),
    )
