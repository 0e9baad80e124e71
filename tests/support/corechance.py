"""What clients and engines might say, for hypothesis to draw: right and wrong, of things alive and dead."""

from typing import Any

from hypothesis import strategies as st

from antiphon.ports import (
    AudioDelta,
    CallDelta,
    Delta,
    Ending,
    Segment,
    TextDelta,
    TokenProb,
    Transcript,
    TranscriptUsage,
    Usage,
)
from antiphon.protocol import client_events as said
from antiphon.protocol import session as wire
from antiphon.protocol.beyond import ResponseWishes
from antiphon.protocol.items import (
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    InputText,
    Item,
    ItemReference,
    McpHttpError,
    McpListedTool,
    McpToolExecutionError,
    Message,
    OutputAudio,
    OutputText,
)
from antiphon.protocol.response import ResponseAudio, ResponseAudioOutput, ResponseParams
from antiphon.protocol.wire import UNSET

ITEMS = st.sampled_from([f"item_{n}" for n in range(1, 8)] + ["mine_1", "mine_2", "nobody"])
NAMES = st.sampled_from(["mine_1", "mine_2", "mine_3"])
RESPONSES = st.sampled_from([f"resp_{n}" for n in range(1, 7)] + ["nobody"])
CALLS = st.sampled_from(["call_1", "call_2", "call_a", "nobody"])
WORDS = st.sampled_from(["", " ", "Hello", "Hello there", "What time is it?", "¡Olé!"])
AUDIO = st.sampled_from([0, 960, 4800, 9600, 9601]).map(lambda size: b"\1" * size)
WHOLE_AUDIO = st.sampled_from([960, 4800]).map(lambda size: b"\1" * size)
LEVELS = st.sampled_from([0.0, 0.05, 0.4, 0.5, 0.9, 1.0])
FORMATS = st.sampled_from([wire.PcmFormat(), wire.PcmuFormat(), wire.PcmaFormat()])


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A value, or the key is absent."""
    return st.just(UNSET) | values


def maybe_null(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A value, null, or the key is absent."""
    return st.just(UNSET) | st.none() | values


def struct(kind: type[Any], **keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A struct of the wire."""
    return st.builds(kind, **keys)


PARTS = st.one_of(
    struct(InputText, text=WORDS),
    struct(OutputText, text=WORDS),
    struct(OutputAudio, transcript=WORDS),
    struct(InputImage, image_url=st.just("data:image/png;base64,")),
    struct(InputAudio, audio=maybe(AUDIO)),
)
MESSAGES = struct(
    Message,
    id=maybe(NAMES),
    role=st.sampled_from(["system", "user", "assistant"]),
    content=st.lists(PARTS, max_size=2).map(tuple),
)
GOOD_MESSAGES = struct(
    Message,
    role=st.just("user"),
    content=st.tuples(struct(InputText, text=WORDS) | struct(InputAudio, audio=AUDIO)),
)
NEW_ITEMS: st.SearchStrategy[Item] = st.one_of(
    GOOD_MESSAGES,
    MESSAGES,
    struct(FunctionCall, id=maybe(NAMES), call_id=maybe(CALLS), name=st.just("f"), arguments=st.just("{}")),
    struct(FunctionCallOutput, id=maybe(NAMES), call_id=CALLS, output=WORDS),
)
DETECTIONS = st.one_of(
    struct(
        wire.ServerVad,
        threshold=maybe(st.sampled_from([0.0, 0.3, 0.5, 1.0])),
        prefix_padding_ms=maybe(st.sampled_from([0, 100, 20_000])),
        silence_duration_ms=maybe(st.sampled_from([0, 100, 500])),
        idle_timeout_ms=maybe_null(st.just(5000)),
        create_response=maybe(st.booleans()),
        interrupt_response=maybe(st.booleans()),
    ),
    struct(
        wire.SemanticVad,
        eagerness=maybe(st.sampled_from(["low", "medium", "high", "auto"])),
        create_response=maybe(st.booleans()),
        interrupt_response=maybe(st.booleans()),
    ),
)
TRANSCRIPTIONS = struct(
    wire.Transcription,
    model=maybe(st.sampled_from(["whisper-1", "gpt-live-transcribe", "gpt-live-transcribe"])),
    language=maybe_null(st.just("en")),
    languages=maybe(st.just(("en",))),
)
HEARING = struct(
    wire.AudioInput,
    format=maybe(FORMATS),
    transcription=maybe_null(TRANSCRIPTIONS),
    noise_reduction=maybe_null(struct(wire.NoiseReduction, type=maybe(st.just("near_field")))),
    turn_detection=maybe_null(DETECTIONS),
)
SPEAKING = struct(wire.AudioOutput, format=maybe(FORMATS), voice=maybe(st.sampled_from(["alloy", "ash"])))
MODALITIES = st.sampled_from([("text",), ("audio",), (), ("text", "audio")])
SERVERS = struct(
    wire.McpTool,
    server_label=st.sampled_from(["a", "b"]),
    server_url=maybe(st.sampled_from(["https://good.example", "https://bad.example"])),
    require_approval=maybe(st.sampled_from(["always", "never"])),
    allowed_tools=maybe_null(st.just(("f",))),
)
TOOLS = st.sampled_from([(), (wire.FunctionTool(name="f"),), (wire.FunctionTool(),)]) | st.lists(
    struct(
        wire.McpTool,
        server_label=st.sampled_from(["a", "b"]),
        server_url=st.just("https://good.example"),
        require_approval=st.sampled_from(["never", "never", "always"]),
    )
    | SERVERS
    | st.just(wire.FunctionTool(name="f")),
    max_size=2,
).map(tuple)
CHOICES = st.sampled_from(["auto", "none", wire.ToolChoiceMcp(server_label="a"), wire.ToolChoiceFunction(name="f")])
LISTS = st.sampled_from([(), (McpListedTool(name="f", input_schema={}), McpListedTool(name="g", input_schema={}))])
MCP_ERRORS = st.sampled_from(
    [None, None, McpHttpError(code=500, message="Out."), McpToolExecutionError(message="Out of order.")]
)


def good_url(url: str) -> str | None:
    """Which servers the operator allows."""
    return None if "good" in url else "Not this one."


INCLUDE = st.sampled_from([(), ("item.input_audio_transcription.logprobs",)])
REALTIME_UPDATES = struct(
    wire.RealtimeSessionUpdate,
    model=maybe(st.sampled_from(["gpt-realtime", "other"])),
    instructions=maybe(WORDS | st.just("word " * 40)),
    output_modalities=maybe(MODALITIES),
    tools=maybe(TOOLS),
    tool_choice=maybe(CHOICES),
    max_output_tokens=maybe(st.sampled_from([1, 64, "inf"])),
    truncation=maybe(
        st.sampled_from(["auto", "disabled", wire.RetentionRatio(type="retention_ratio", retention_ratio=0.5)])
    ),
    prompt=maybe_null(st.sampled_from([wire.PromptTemplate(id="greeting"), wire.PromptTemplate(id="nobody")])),
    audio=maybe(struct(wire.Audio, input=maybe(HEARING), output=maybe(SPEAKING))),
    include=maybe(INCLUDE),
)
TRANSCRIPTION_UPDATES = struct(
    wire.TranscriptionSessionUpdate,
    audio=maybe(struct(wire.TranscriptionAudio, input=maybe(HEARING))),
    include=maybe(INCLUDE),
)
PARAMS = {
    "conversation": maybe(st.sampled_from(["auto", "none"])),
    "input": maybe(st.lists(NEW_ITEMS | struct(ItemReference, id=ITEMS), max_size=2).map(tuple)),
    "output_modalities": maybe(st.sampled_from([("text",), ("audio",), ()])),
    "audio": maybe(
        struct(
            ResponseAudio,
            output=maybe(struct(ResponseAudioOutput, format=maybe(FORMATS), voice=maybe(st.just("ash")))),
        )
    ),
    "tools": maybe(TOOLS),
    "tool_choice": maybe(CHOICES),
    "max_output_tokens": maybe(st.sampled_from([1, "inf"])),
    "metadata": maybe_null(st.just({"a": "b"})),
}
WISHES = struct(
    ResponseWishes,
    replaces=st.booleans(),
    queues=st.booleans(),
    discards=st.booleans(),
    appends=st.lists(NEW_ITEMS, max_size=2).map(tuple),
    **PARAMS,
)
CLIENT_EVENTS: st.SearchStrategy[said.ClientEvent] = st.one_of(
    struct(said.SessionUpdate, session=REALTIME_UPDATES | TRANSCRIPTION_UPDATES),
    struct(said.InputAudioBufferCommit),
    struct(said.InputAudioBufferClear),
    struct(said.OutputAudioBufferClear),
    struct(said.ConversationItemCreate, item=NEW_ITEMS, previous_item_id=maybe_null(ITEMS | st.just("root"))),
    struct(said.ConversationItemRetrieve, item_id=ITEMS),
    struct(
        said.ConversationItemTruncate,
        item_id=ITEMS,
        content_index=st.just(0),
        audio_end_ms=st.sampled_from([0, 1, 50, 150, 10_000]),
    ),
    struct(said.ConversationItemDelete, item_id=ITEMS),
    struct(said.ResponseCreate, response=maybe_null(struct(ResponseParams, **PARAMS) | WISHES)),
    struct(said.ResponseCancel, response_id=maybe_null(RESPONSES)),
)
SPANS = st.sampled_from([(0, 0), (0, 5), (5, 11), (0, 11), (20, 30)])
DELTAS: st.SearchStrategy[Delta] = st.one_of(
    st.builds(TextDelta, WORDS),
    st.builds(AudioDelta, WHOLE_AUDIO, SPANS),
    st.builds(
        CallDelta,
        st.sampled_from([0, 1]),
        name=st.sampled_from(["f", "f", "g", "a_f"]),
        arguments=st.sampled_from(["", "{", "}", "{}"]),
        call_id=st.sampled_from(["", "call_a"]),
    ),
    st.builds(Ending, st.sampled_from(["max_output_tokens", "content_filter"])),
)
USAGES = st.builds(Usage, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
TRANSCRIPTS = st.builds(
    Transcript,
    WORDS,
    stable=st.booleans(),
    tokens=st.sampled_from([(), (TokenProb("Hello", -0.5),)]),
    segments=st.sampled_from([(), (Segment("Hello", "A", 0.0, 0.5),)]),
    usage=st.sampled_from([None, TranscriptUsage(1, 2, 3)]),
)
