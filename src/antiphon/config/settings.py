"""Every setting there is, with its rule, its default and one sentence for the reference.

The structs are the only list: the file, the environment names, the flags, the JSON schema and the table in the
documentation are read from them. A field called `max_sessions` is `ANTIPHON_MAX_SESSIONS` and `--max-sessions`,
so names are unique across sections.
"""

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct, field

EngineRole: TypeAlias = Literal["vad", "turn", "asr", "llm", "tts", "tools"]
OPTION_ROLES: tuple[EngineRole, ...] = ("vad", "turn", "asr", "llm", "tts", "tools")
"""The engines of a set; each may have a table of options."""

EngineText: TypeAlias = Annotated[str, Meta(min_length=1)]
Options: TypeAlias = dict[EngineRole, dict[str, Any]]

KNOWN_MODELS = (
    "gpt-realtime",
    "gpt-realtime-mini",
    "gpt-4o-realtime-preview",
    "gpt-4o-mini-realtime-preview",
)
"""Names that clients ask for by habit; they mean the default engines unless `[models]` says otherwise."""

DEFAULT_INSTRUCTIONS = "You are a helpful voice assistant. Keep your answers short: one or two sentences, plain words."
"""For sessions that bring no instructions. Few words: the small default model loses its way in many."""


class Server(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the server listens, who may use it, how it speaks of itself."""

    host: Annotated[
        str, Meta(min_length=1, description="Address to listen on. Anything but loopback needs an API key.")
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one and prints it.")] = (
        8000
    )
    api_keys: Annotated[
        dict[str, str], Meta(description="API keys by name. A client shows one; the name appears in logs.")
    ] = field(default_factory=dict)
    api_key_file: Annotated[str | None, Meta(description="File with more keys, one a line: `KEY` or `NAME KEY`.")] = (
        None
    )
    tls_certificate: Annotated[
        str | None, Meta(description="Certificate chain (PEM) to serve `https:` and `wss:` with; needs `tls_key`.")
    ] = None
    tls_key: Annotated[str | None, Meta(description="Key of the certificate (PEM, without a password).")] = None
    strict_models: Annotated[
        bool, Meta(description="Refuse model names that are not listed, instead of using the default engines.")
    ] = False
    console: Annotated[
        bool, Meta(description="Serve the console at `/`: a page to talk, watch and try events with.")
    ] = True
    drain_seconds: Annotated[
        float, Meta(ge=0, le=86_400, description="How long running sessions may go on after SIGTERM.")
    ] = 30.0
    record: Annotated[
        str | None,
        Meta(
            description="Folder to record all sessions in, for `antiphon replay`: what callers say is kept there, and "
            "nothing is ever deleted."
        ),
    ] = None
    metrics: Annotated[bool, Meta(description="Serve `/metrics` for Prometheus. It needs no key, and tells none.")] = (
        True
    )
    traces: Annotated[
        bool,
        Meta(
            description="Send a trace of each turn by OpenTelemetry (extra `otel`); also on where "
            "`OTEL_EXPORTER_OTLP_ENDPOINT` is set."
        ),
    ] = False
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least severe log line that is written.")
    ] = "info"
    log_format: Annotated[
        Literal["auto", "human", "json"], Meta(description="`auto`: human on a terminal, JSON when piped.")
    ] = "auto"


class Engines(Struct, frozen=True, forbid_unknown_fields=True):
    """The default engine set. An engine is `NAME`, `NAME:URL#MODEL`, a catalogue name or `file:PATH`."""

    vad: Annotated[EngineText, Meta(description="Voice activity detection.")] = "silero"
    turn: Annotated[EngineText | None, Meta(description="Turn model for `semantic_vad`.")] = "words"
    asr: Annotated[EngineText | None, Meta(description="Speech recognition.")] = "moonshine"
    llm: Annotated[EngineText, Meta(description="Language model.")] = "smollm2-135m"
    tts: Annotated[EngineText | None, Meta(description="Voice.")] = "hibari"
    tools: Annotated[EngineText | None, Meta(description="Tools of MCP servers that clients name, such as `mcp`.")] = (
        None
    )
    options: Annotated[Options, Meta(description="Options of an engine, by role: see the engine's page.")] = field(
        default_factory=dict
    )


class ModelAlias(Struct, frozen=True, forbid_unknown_fields=True):
    """What a client's model name means. A role left out is that of `[engines]`."""

    vad: Annotated[EngineText | None, Meta(description="As `engines.vad`, for this name.")] = None
    turn: Annotated[EngineText | None, Meta(description="As `engines.turn`, for this name.")] = None
    asr: Annotated[EngineText | None, Meta(description="As `engines.asr`, for this name.")] = None
    llm: Annotated[EngineText | None, Meta(description="As `engines.llm`, for this name.")] = None
    tts: Annotated[EngineText | None, Meta(description="As `engines.tts`, for this name.")] = None
    tools: Annotated[EngineText | None, Meta(description="As `engines.tools`, for this name.")] = None
    options: Annotated[Options, Meta(description="Options of the engines named here, by role.")] = field(
        default_factory=dict
    )


class Sessions(Struct, frozen=True, forbid_unknown_fields=True):
    """What a session starts with."""

    instructions: Annotated[str, Meta(description="Instructions of sessions that bring none.")] = DEFAULT_INSTRUCTIONS
    lifetime_minutes: Annotated[
        float, Meta(ge=0, le=525_600, description="How long a session may last; 0 sets no limit.")
    ] = 60.0
    anticipate: Annotated[
        bool,
        Meta(
            description="Draft the answer in the silence that ends a turn. Only where all engines run on this machine: "
            "a draft that is dropped has cost what it used."
        ),
    ] = True
    follow_up: Annotated[
        bool,
        Meta(
            description="Answer by itself when MCP tools have given their output. The provider waits for the client's "
            "`response.create`, and clients are made for that; callers on a telephone have none that would ask."
        ),
    ] = False
    prompts: Annotated[
        dict[str, str],
        Meta(description="Prompt templates by id, or `id@version`; `{{name}}` stands for a variable of the client."),
    ] = field(default_factory=dict)
    voices: Annotated[
        dict[str, str], Meta(description="A client's voice name to the engine's own, such as `alloy = \"heart\"`.")
    ] = field(default_factory=dict)


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """What the server takes on."""

    max_sessions: Annotated[int, Meta(ge=1, le=1_000_000, description="Sessions at once; the next one is refused.")] = (
        1000
    )
    requests_per_minute: Annotated[
        int, Meta(ge=0, description="Responses per minute and API key; 0 sets no limit.")
    ] = 0
    tokens_per_minute: Annotated[
        int, Meta(ge=0, description="Tokens per minute and API key, in and out; 0 sets no limit.")
    ] = 0
    engine_seconds: Annotated[
        float, Meta(gt=0, le=3600, description="How long an engine may give no sign of life before it has failed.")
    ] = 60.0
    ahead_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="How much of an answer may be spoken before the client can have played what came before it: "
            "less is thrown away by a barge-in, and the machine is free for others; 0 sets no limit.",
        ),
    ] = 0.0
    tool_seconds: Annotated[
        float, Meta(gt=0, le=600, description="How long an MCP server may take to list its tools or to run one.")
    ] = 30.0


class WebRTC(Struct, frozen=True, forbid_unknown_fields=True):
    """Calls over WebRTC, from browsers and apps; needs the extra `webrtc`."""

    public_address: Annotated[
        str | None, Meta(description="The IP address that callers reach this machine by, where it is not its own.")
    ] = None
    udp_port_min: Annotated[
        int, Meta(ge=0, le=65_535, description="The first UDP port for calls; 0 leaves the choice to the system.")
    ] = 0
    udp_port_max: Annotated[
        int, Meta(ge=0, le=65_535, description="The last UDP port for calls: two for each call and network address.")
    ] = 0
    stun_server: Annotated[
        str | None, Meta(description="`HOST:PORT` of a STUN server, where the public address is not known.")
    ] = None
    turn_server: Annotated[
        str | None, Meta(description="`HOST:PORT` of a TURN server, for callers that cannot reach this machine.")
    ] = None
    turn_username: Annotated[str | None, Meta(description="The TURN server's user.")] = None
    turn_password: Annotated[str | None, Meta(description="The TURN server's password.")] = None
    max_calls: Annotated[
        int, Meta(ge=0, le=100_000, description="Calls at once; the next one is refused. 0 takes none.")
    ] = 200
    max_half_open_calls: Annotated[
        int, Meta(ge=1, le=100_000, description="Calls that may be waited for at once, before they are connected.")
    ] = 50
    setup_seconds: Annotated[
        float, Meta(gt=0, le=300, description="How long a call may take until it is connected.")
    ] = 20.0
    lost_seconds: Annotated[
        float, Meta(gt=0, le=3600, description="How long a caller may be out of reach before the call is over.")
    ] = 30.0


class Compat(Struct, frozen=True, forbid_unknown_fields=True):
    """Faithful quirks that most clients can do without."""

    announce_conversation: Annotated[
        bool,
        Meta(description="Send `conversation.created` to beta and preview clients, as the first weeks of beta did."),
    ] = False
    duplicate_item_ids: Annotated[
        bool,
        Meta(description="Take an item whose id is in use already, as the provider does; the id then means the newer."),
    ] = False
    refuse_beta: Annotated[
        bool, Meta(description="Turn beta connections away, as the provider has done since May 2026.")
    ] = False


class Weights(Struct, frozen=True, forbid_unknown_fields=True):
    """Where model weights are kept."""

    cache: Annotated[str | None, Meta(description="Folder for pulled weights; by default the user's cache folder.")] = (
        None
    )
    offline: Annotated[bool, Meta(description="Never reach for the network to fetch weights.")] = False


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings."""

    server: Server = field(default_factory=Server)
    engines: Engines = field(default_factory=Engines)
    models: Annotated[
        dict[str, ModelAlias], Meta(description="Model names that clients ask for, and the engines they mean.")
    ] = field(default_factory=dict)
    session: Sessions = field(default_factory=Sessions)
    limits: Limits = field(default_factory=Limits)
    webrtc: WebRTC = field(default_factory=WebRTC)
    compat: Compat = field(default_factory=Compat)
    weights: Weights = field(default_factory=Weights)

    def model_names(self) -> tuple[str, ...]:
        """The model names to show: those of `[models]`, and the customary ones unless only the listed count."""
        listed = tuple(self.models)
        if self.server.strict_models and listed:
            return listed
        return listed + tuple(name for name in KNOWN_MODELS if name not in self.models)

    def engines_for(self, model: str | None) -> Engines | None:
        """The engine set that a client's model name means; None for one that is refused."""
        alias = self.models.get(model or "")
        if alias is None:
            refused = self.server.strict_models and model is not None and model not in self.model_names()
            return None if refused else self.engines
        return _combined(self.engines, alias)


def _combined(base: Engines, alias: ModelAlias) -> Engines:
    """The base with what the alias names; the options of a replaced engine go with it."""
    chosen = {role: getattr(alias, role) or getattr(base, role) for role in OPTION_ROLES}
    options = dict(base.options)
    for role in OPTION_ROLES:
        if getattr(alias, role) is not None:
            options.pop(role, None)
    options |= alias.options
    return Engines(**chosen, options=options)
