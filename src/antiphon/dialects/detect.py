"""Which wire variant a connection speaks, from what it shows as it opens; and the machine for it.

Beta is named by a header or a subprotocol; an Azure URL carries `api-version`, and one version is preview.
Everything else is GA. What a connection shows later is the business of `settling`.
"""

from collections.abc import Iterable, Mapping, Sequence

from antiphon.dialects.dialect import Dialect, Name
from antiphon.dialects.ga import GA
from antiphon.dialects.memory import DEFAULT_TEMPERATURE, Memory
from antiphon.dialects.settling import Settling
from antiphon.protocol import codec
from antiphon.protocol.beyond import SessionWishes
from antiphon.protocol.session import SessionUpdateBody

BETA_HEADER = "openai-beta"
BETA_TOKEN = "realtime=v1"  # noqa: S105 -- a version, no secret
BETA_SUBPROTOCOL = "openai-beta.realtime-v1"
AZURE_PARAMETER = "api-version"
PREVIEW_VERSION = "2024-10-01-preview"


def detect(headers: Iterable[tuple[str, str]], subprotocols: Iterable[str], query: Mapping[str, str]) -> Name:
    """The variant of a new connection. Header names in lower case; a header may come several times."""
    if AZURE_PARAMETER in query:
        return "preview" if PREVIEW_VERSION in query[AZURE_PARAMETER] and "intent" not in query else "azure"
    betas = [token.strip() for name, value in headers if name == BETA_HEADER for token in value.split(",")]
    if BETA_TOKEN in betas or BETA_SUBPROTOCOL in subprotocols:
        return "beta"
    return "ga"


def is_spoken(name: Name, *, refuses_beta: bool = False) -> bool:
    """Whether a connection of this variant is served. The provider refuses beta by now, and Azure does not."""
    return not (refuses_beta and name == "beta")


def machine(
    name: Name,
    accepted: Sequence[str] = codec.WEBSOCKET_TYPES,
    *,
    session: SessionUpdateBody | None = None,
    announces_conversation: bool = False,
) -> Dialect:
    """A fresh machine for one link. `accepted` names the event types that its transport takes.

    `session` is what the session begins with; an older client is shown the temperature that is in it.
    `announces_conversation` tells older clients of their conversation as they connect, as the first weeks of beta did.
    """
    if name == "ga":
        return GA(accepted)
    temperature = (session.temperature or None) if isinstance(session, SessionWishes) else None
    memory = Memory(temperature=temperature or DEFAULT_TEMPERATURE, announces_conversation=announces_conversation)
    return Settling(accepted, memory=memory, is_azure=name != "beta", is_preview=name == "preview")
