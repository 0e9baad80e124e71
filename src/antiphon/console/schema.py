"""The protocol's own schema of what a client sends, for the page's forms.

Made from the structs when the server starts, which is cheaper than a file made at build time and never stale: a new
field of `antiphon.protocol.client_events` is a new field in the form.
"""

import msgspec

from antiphon.protocol.client_events import ClientEvent

AT = "#/$defs/{name}"


def client_events() -> bytes:
    """A JSON schema (2020-12); its `$defs` hold one object per event and per part."""
    (any_of,), named = msgspec.json.schema_components((ClientEvent,), ref_template=AT)
    return msgspec.json.encode({**any_of, "$defs": named})
