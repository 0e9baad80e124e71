"""Which wire variant a connection speaks, from what it shows as it opens; and the machine for it.

Beta is named by a header or a subprotocol; an Azure URL carries `api-version`. Everything else is GA.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from antiphon.dialects.dialect import Dialect, Name
from antiphon.dialects.ga import GA
from antiphon.protocol import codec

BETA_HEADER = "openai-beta"
BETA_TOKEN = "realtime=v1"  # noqa: S105 -- a version, no secret
BETA_SUBPROTOCOL = "openai-beta.realtime-v1"
AZURE_PARAMETER = "api-version"

_MACHINES: Mapping[Name, Callable[[Sequence[str]], Dialect]] = {"ga": GA}


def detect(headers: Iterable[tuple[str, str]], subprotocols: Iterable[str], query: Mapping[str, str]) -> Name:
    """The variant of a new connection. Header names in lower case; a header may come several times."""
    if AZURE_PARAMETER in query:
        return "azure"
    betas = [token.strip() for name, value in headers if name == BETA_HEADER for token in value.split(",")]
    if BETA_TOKEN in betas or BETA_SUBPROTOCOL in subprotocols:
        return "beta"
    return "ga"


def is_spoken(name: Name) -> bool:
    """Whether this server has a machine for the variant."""
    return name in _MACHINES


def machine(name: Name, accepted: Sequence[str] = codec.WEBSOCKET_TYPES) -> Dialect:
    """A fresh machine for one link. `accepted` names the event types that its transport takes.

    Raise LookupError for a variant that is not spoken here.
    """
    return _MACHINES[name](accepted)
