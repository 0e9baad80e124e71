"""Where a Realtime server lives, from what people write: `localhost:8000`, a base URL, or the whole address.

A provider's base URL (`…/v1`) gets `/realtime`, a bare host gets all of the path. Plain sockets are assumed
only for hosts that cannot be elsewhere: loopback, private networks, `.local`. The dialect is a matter of the
address, too: a header or a subprotocol names beta, and an `api-version` in the query Azure's.
"""

import ipaddress
from typing import Final, Literal, TypeAlias
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from websockets.typing import Subprotocol

from antiphon.client.errors import BadAddress
from antiphon.dialects.detect import AZURE_PARAMETER, BETA_HEADER, BETA_SUBPROTOCOL, BETA_TOKEN

Dialect: TypeAlias = Literal["ga", "beta", "azure"]
"""What a server speaks; `azure` is the beta of Azure's `api-version` URLs. Azure's GA is `ga`."""

SCHEMES: Final = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}

AZURE_DOMAINS: Final = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
"""Hosts whose paths start with `/openai`, and who call the key `api-key`."""

AZURE_BASES: Final = frozenset({"", "/openai", "/openai/v1"})
"""Base paths of Azure's; its beta is at `/openai/realtime`, its GA at `/openai/v1/realtime`."""

AZURE_VERSION: Final = "2025-04-01-preview"
"""The last `api-version` of Azure's beta, for URLs that name none."""

KEY_SUBPROTOCOL: Final = "openai-insecure-api-key."


def dialect_of(url: str) -> Dialect:
    """What the server at `url` speaks, as far as the address tells."""
    return "azure" if AZURE_PARAMETER in dict(parse_qsl(url.partition("?")[2], keep_blank_values=True)) else "ga"


def endpoint(url: str, model: str | None = None, dialect: Dialect = "ga") -> str:
    """The WebSocket address for `url`. Raise BadAddress where there is none.

    `model` is added to the query unless the URL names a model, a deployment or a call already.
    """
    try:
        parts = _parsed(url.strip())
        port = parts.port
    except ValueError as error:
        raise BadAddress(f"`{url}` is no address: {error}.", "write it like ws://localhost:8000/v1/realtime") from None
    if parts.scheme not in SCHEMES or not parts.hostname or port == 0:
        raise BadAddress(f"`{url}` is no address of a server.", "write it like ws://localhost:8000/v1/realtime")
    path = parts.path.rstrip("/")
    if path in AZURE_BASES and (dialect == "azure" or (is_azure(url) and path != "/openai/v1")):
        path = "/openai" if dialect == "azure" else "/openai/v1"
    return urlunsplit((SCHEMES[parts.scheme], parts.netloc, _path(path), _query(parts.query, model, dialect), ""))


def is_azure(url: str) -> bool:
    """Whether the host is Azure's."""
    return (_parsed(url.strip()).hostname or "").endswith(AZURE_DOMAINS)


def credentials(
    url: str, api_key: str | None, *, in_subprotocol: bool, dialect: Dialect = "ga"
) -> tuple[dict[str, str], list[Subprotocol] | None]:
    """Headers and subprotocols that carry the key and name the dialect. Raise BadAddress for an unusable key."""
    headers, protocols = _key(url, api_key, in_subprotocol=in_subprotocol, dialect=dialect)
    if dialect != "beta":
        return headers, protocols
    if in_subprotocol:
        return headers, [*(protocols or [Subprotocol("realtime")]), Subprotocol(BETA_SUBPROTOCOL)]
    return {**headers, BETA_HEADER: BETA_TOKEN}, protocols


def _key(
    url: str, api_key: str | None, *, in_subprotocol: bool, dialect: Dialect
) -> tuple[dict[str, str], list[Subprotocol] | None]:
    if api_key is None:
        return {}, None
    key = api_key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise BadAddress("The API key has characters that no key has.", "was something else pasted with it?")
    if in_subprotocol:
        return {}, [Subprotocol("realtime"), Subprotocol(KEY_SUBPROTOCOL + key)]
    if dialect == "azure" or is_azure(url):
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


def _path(path: str) -> str:
    return path if "realtime" in path.split("/") else f"{path or '/v1'}/realtime"


def _query(query: str, model: str | None, dialect: Dialect) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    taken = {name for name, _ in pairs}
    if dialect == "azure" and AZURE_PARAMETER not in taken:
        pairs.append((AZURE_PARAMETER, AZURE_VERSION))
    if model and not taken & {"model", "call_id", "deployment"}:
        pairs.append(("deployment" if dialect == "azure" else "model", model))
    return urlencode(pairs)
