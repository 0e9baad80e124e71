"""Every setting of a relay, with its rule, its default and one sentence for the guide.

A secret stands in the file itself, in a variable of the environment, or in a file of its own: `key`, `key_env`
or `key_file`.
"""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct, field

from antiphon.client.address import Dialect

LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]
LogForm: TypeAlias = Literal["auto", "human", "json"]


class Upstream(Struct, frozen=True, forbid_unknown_fields=True):
    """A Realtime server that sessions are passed to."""

    url: Annotated[str, Meta(min_length=1, description="Its address: a base URL, or the whole one.")]
    name: Annotated[str, Meta(description="What logs and figures call it; by default its host.")] = ""
    dialect: Annotated[
        Dialect | None,
        Meta(description="What it speaks; by default what the address tells. Clients of another are translated."),
    ] = None
    priority: Annotated[int, Meta(ge=0, description="Lower ones are tried first; equals share the sessions.")] = 0
    key: Annotated[str | None, Meta(description="The operator's key for it.")] = None
    key_env: Annotated[str | None, Meta(description="The variable that holds the key.")] = None
    key_file: Annotated[str | None, Meta(description="The file that holds the key.")] = None


class Alias(Struct, frozen=True, forbid_unknown_fields=True):
    """What a client's model name means."""

    model: Annotated[str, Meta(min_length=1, description="The upstream's own name for it.")]
    upstream: Annotated[str | None, Meta(description="The one upstream that has it; by default any.")] = None


class Key(Struct, frozen=True, forbid_unknown_fields=True):
    """A key that clients show, and what it may use. 0 sets no limit."""

    key: Annotated[str | None, Meta(description="The key.")] = None
    key_env: Annotated[str | None, Meta(description="The variable that holds the key.")] = None
    key_file: Annotated[str | None, Meta(description="The file that holds the key.")] = None
    sessions: Annotated[int, Meta(ge=0, description="Sessions at a time.")] = 0
    minutes_per_day: Annotated[float, Meta(ge=0, description="Minutes of sessions in a day of UTC.")] = 0.0
    tokens_per_minute: Annotated[int, Meta(ge=0, description="Tokens per minute, in and out.")] = 0
    operator: Annotated[bool, Meta(description="Whether it sees the usage of all keys, not just its own.")] = False


class Relay(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the relay listens, and what it takes on."""

    host: Annotated[str, Meta(min_length=1, description="Address to listen on. Anything but loopback needs a key.")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one and prints it.")] = (
        8100
    )
    tls_certificate: Annotated[
        str | None, Meta(description="Certificate chain (PEM) to serve `https:` and `wss:` with; needs `tls_key`.")
    ] = None
    tls_key: Annotated[str | None, Meta(description="Key of the certificate (PEM, without a password).")] = None
    record: Annotated[str | None, Meta(description="Folder that every session is recorded into.")] = None
    strict_models: Annotated[bool, Meta(description="Refuse model names that `[models]` does not list.")] = False
    max_sessions: Annotated[int, Meta(ge=1, le=1_000_000, description="Sessions at once; the next is refused.")] = 1000
    health_seconds: Annotated[
        float, Meta(ge=0, le=3600, description="How often upstreams are looked after; 0 never.")
    ] = 10.0
    open_seconds: Annotated[
        float, Meta(gt=0, le=600, description="How long an upstream may take to open a session.")
    ] = 10.0
    stall_seconds: Annotated[
        float, Meta(gt=0, le=3600, description="How long a client or an upstream may take nothing that is sent to it.")
    ] = 60.0
    drain_seconds: Annotated[
        float, Meta(ge=0, le=86_400, description="How long running sessions may go on after SIGTERM.")
    ] = 30.0
    log_level: Annotated[LogLevel, Meta(description="The least severe log line that is written.")] = "info"
    log_format: Annotated[LogForm, Meta(description="`auto`: human on a terminal, JSON when piped.")] = "auto"


class RelayConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings of a relay."""

    relay: Relay = field(default_factory=Relay)
    upstreams: Annotated[tuple[Upstream, ...], Meta(description="The servers behind it.")] = ()
    models: Annotated[
        dict[str, str | Alias], Meta(description="Model names that clients ask for, and what they mean.")
    ] = field(default_factory=dict)
    keys: Annotated[dict[str, Key], Meta(description="Keys by name. Without any, all who reach it may use it.")] = (
        field(default_factory=dict)
    )

    def alias_of(self, model: str) -> Alias | None:
        """What a client's model name means; None for one that is refused."""
        given = self.models.get(model)
        if given is None:
            return None if self.relay.strict_models else Alias(model=model)
        return Alias(model=given) if isinstance(given, str) else given
