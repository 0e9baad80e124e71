"""Where a Realtime server lives, from what people write: `localhost:8000`, a base URL, or the whole address.

A provider's base URL (`…/v1`) gets `/realtime`, a bare host gets all of the path. Plain sockets are assumed
only for hosts that cannot be elsewhere: loopback, private networks, `.local`.
"""

import ipaddress
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from websockets.typing import Subprotocol

from antiphon.client.errors import BadAddress

SCHEMES: Final = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}

AZURE_DOMAINS: Final = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
"""Hosts whose paths start with `/openai`, and who call the key `api-key`."""

KEY_SUBPROTOCOL: Final = "openai-insecure-api-key."


def endpoint(url: str, model: str | None = None) -> str:
    """The WebSocket address for `url`. Raise BadAddress where there is none.

    `model` is added to the query unless the URL names a model or a call already.
    """
    try:
        parts = _parsed(url.strip())
        port = parts.port
    except ValueError as error:
        raise BadAddress(f"`{url}` is no address: {error}.", "write it like ws://localhost:8000/v1/realtime") from None
    if parts.scheme not in SCHEMES or not parts.hostname or port == 0:
        raise BadAddress(f"`{url}` is no address of a server.", "write it like ws://localhost:8000/v1/realtime")
    path = _path(parts.path.rstrip("/"), is_azure=is_azure(url))
    return urlunsplit((SCHEMES[parts.scheme], parts.netloc, path, _query(parts.query, model), ""))


def is_azure(url: str) -> bool:
    """Whether the host is Azure's."""
    return (_parsed(url.strip()).hostname or "").endswith(AZURE_DOMAINS)


def credentials(
    url: str, api_key: str | None, *, in_subprotocol: bool
) -> tuple[dict[str, str], list[Subprotocol] | None]:
    """Headers and subprotocols that carry the key, as the host wants it. Raise BadAddress for an unusable key."""
    if api_key is None:
        return {}, None
    key = api_key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise BadAddress("The API key has characters that no key has.", "was something else pasted with it?")
    if in_subprotocol:
        return {}, [Subprotocol("realtime"), Subprotocol(KEY_SUBPROTOCOL + key)]
    if is_azure(url):
        return {"api-key": key}, None
    return {"Authorization": f"Bearer {key}"}, None


def _parsed(url: str) -> SplitResult:
    """The parts, with a scheme."""
    if "://" in url:
        return urlsplit(url)
    parts = urlsplit(f"//{url}")
    return parts._replace(scheme="ws" if _is_near(parts.hostname or "") else "wss")


def _is_near(host: str) -> bool:
    """Whether the host is this machine or one beside it."""
    if host == "localhost" or host.endswith((".localhost", ".local")) or (host and "." not in host and ":" not in host):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_private or address.is_loopback or address.is_unspecified


def _path(path: str, *, is_azure: bool) -> str:
    if "realtime" in path.split("/"):
        return path
    if path in {"", "/openai"} and is_azure:
        return "/openai/v1/realtime"
    return f"{path or '/v1'}/realtime"


def _query(query: str, model: str | None) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    taken = {name for name, _ in pairs}
    if model and not taken & {"model", "call_id", "deployment"}:
        pairs.append(("model", model))
    return urlencode(pairs)
