"""Every error that we send, one constructor each; `type`, `code` and `param` are contract.

Texts follow the provider's published wording, since clients match on them. A message may name the client's
value, never a key or a secret.
"""

from collections.abc import Sequence

from antiphon.protocol.wire import Wire

INVALID_REQUEST = "invalid_request_error"
SERVER_ERROR = "server_error"
RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"

MAX_SHOWN_LENGTH = 128
"""Characters of a client's own text in an error; it would else come back whole, however long."""


class ErrorDetail(Wire, frozen=True, kw_only=True):
    """The body of an `error` event. All keys are always sent."""

    type: str
    code: str | None = None
    message: str
    param: str | None = None
    event_id: str | None = None

    @property
    def body(self) -> dict[str, dict[str, str | None]]:
        """The error as HTTP shows it."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


def _invalid(code: str | None, message: str, param: str | None = None) -> ErrorDetail:
    return ErrorDetail(type=INVALID_REQUEST, code=code, message=message, param=param)


def listed(values: Sequence[str], last: str = "and") -> str:
    """`'a', 'b', and 'c'`, as the provider writes lists."""
    return in_words([f"'{value}'" for value in values], last)


def in_words(parts: Sequence[str], last: str) -> str:
    """`a, b, or c`; two need no comma."""
    if len(parts) < 3:
        return f" {last} ".join(parts)
    return f"{', '.join(parts[:-1])}, {last} {parts[-1]}"


def clipped(text: str, limit: int = MAX_SHOWN_LENGTH) -> str:
    """What a message shows of a client's text, which may be megabytes long."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _number(value: float) -> str:
    """`1.0` reads `1` in a message."""
    return str(value).removesuffix(".0")


# Envelope and shape: made by the codec.


def invalid_json() -> ErrorDetail:
    return _invalid(
        "invalid_json",
        "Invalid event: failed to parse JSON value. Please check the value to ensure it is valid JSON. "
        "(Common errors include trailing commas, missing closing brackets, missing quotation marks, etc.)",
    )


def not_an_object(got: str) -> ErrorDetail:
    """The frame is JSON, and no event."""
    return _invalid("invalid_event", f"Invalid event: expected an object, but got {got} instead.")


def nested_too_deep(limit: int) -> ErrorDetail:
    return _invalid("invalid_event", f"Invalid event: values may be nested {limit} levels deep at most.")


def unreadable(why: str) -> ErrorDetail:
    """An event that we refuse without a rule of its own; no known event leads here."""
    return _invalid("invalid_event", f"Invalid event: {why}")


def binary_frame() -> ErrorDetail:
    return _invalid("invalid_event", "Expected a text WebSocket message; binary frames are not supported.")


def missing_parameter(param: str) -> ErrorDetail:
    return _invalid("missing_required_parameter", f"Missing required parameter: '{param}'.", param)


def unknown_parameter(param: str) -> ErrorDetail:
    return _invalid("unknown_parameter", f"Unknown parameter: '{param}'.", param)


def invalid_value(param: str, got: object, supported: Sequence[str]) -> ErrorDetail:
    """An enum is violated; one supported value reads differently from several."""
    if len(supported) == 1:
        rule = f"Value must be '{supported[0]}'."
    else:
        rule = f"Supported values are: {listed(supported)}."
    return _invalid("invalid_value", f"Invalid value: '{clipped(str(got))}'. {rule}", param)


def invalid_type(param: str, expected: str, got: str) -> ErrorDetail:
    """`expected` and `got` carry their article: "an integer", "a decimal number"."""
    return _invalid("invalid_type", f"Invalid type for '{param}': expected {expected}, but got {got} instead.", param)


def out_of_range(param: str, *, kind: str, bound: float, got: float, low: bool) -> ErrorDetail:
    """`kind` is `integer` or `decimal`; `low` says which bound was crossed."""
    code, rule = (
        ("below_min", "below minimum value. Expected a value >=")
        if low
        else ("above_max", "above maximum value. Expected a value <=")
    )
    message = f"Invalid '{param}': {kind} {rule} {_number(bound)}, but got {clipped(_number(got))} instead."
    return _invalid(f"{kind}_{code}_value", message, param)


def string_too_long(param: str, limit: int, got: int) -> ErrorDetail:
    message = (
        f"Invalid '{param}': string too long. Expected a string with maximum length {limit}, "
        f"but got a string with length {got} instead."
    )
    return _invalid("string_above_max_length", message, param)


def pattern_mismatch(param: str, pattern: str) -> ErrorDetail:
    message = (
        f"Invalid '{param}': string does not match pattern. Expected a string that matches the pattern '{pattern}'."
    )
    return _invalid("invalid_value", message, param)


def empty_array(param: str) -> ErrorDetail:
    message = (
        f"Invalid '{param}': empty array. Expected an array with minimum length 1, but got an empty array instead."
    )
    return _invalid("empty_array", message, param)


def too_many_properties(param: str, limit: int, got: int) -> ErrorDetail:
    message = (
        f"Invalid '{param}': too many properties. Expected an object with at most {limit} properties, "
        f"but got an object with {got} properties instead."
    )
    return _invalid("object_above_max_properties", message, param)


def property_name_too_long(param: str, name: str, limit: int) -> ErrorDetail:
    """`param` is the object; the key itself is shown by its ends."""
    message = (
        f"Invalid property name in '{param}': '{name[:3]}...{name[-3:]}' is too long. "
        f"Expected a string with maximum length {limit}, but got a string with length {len(name)} instead."
    )
    return _invalid("property_name_above_max_length", message, f"{param}.{clipped(name)}")


def invalid_audio(param: str, got: str = "an invalid value") -> ErrorDetail:
    """Not base64, or nothing in it; the text names PCM whatever the session's format is."""
    message = f"Invalid '{param}'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) but got {got}."
    return _invalid("invalid_value", message, param)


def empty_audio(param: str) -> ErrorDetail:
    return invalid_audio(param, "empty bytes")


def audio_too_long(param: str, limit: int, got: int) -> ErrorDetail:
    message = f"Invalid '{param}': too much audio. Expected at most {limit} bytes, but got {got} bytes instead."
    return _invalid("invalid_value", message, param)


# Sessions.


def cannot_update_voice() -> ErrorDetail:
    return _invalid("cannot_update_voice", "Cannot update a conversation's voice if assistant audio is present.")


def wrong_session_kind(kind: str, param: str = "session.type") -> ErrorDetail:
    """`kind` is what the connection is."""
    other = "transcription" if kind == "realtime" else "realtime"
    message = f"Passing a {other} session update to a {kind} session is not allowed."
    return _invalid("invalid_parameter", message, param)


def not_allowed(param: str, why: str) -> ErrorDetail:
    """A value that is well formed and still cannot be taken now."""
    return _invalid("invalid_value", why, param)


def modalities(param: str, got: Sequence[str]) -> ErrorDetail:
    """Text and audio together, or neither."""
    shown = ", ".join(f"'{value}'" for value in got)
    message = f"Invalid modalities: [{clipped(shown)}]. Supported combinations are: ['text'] and ['audio']."
    return _invalid("invalid_value", message, param)


def prompt_unknown(param: str, prompt_id: str) -> ErrorDetail:
    return _invalid("invalid_value", f"Prompt with id '{prompt_id}' not found.", f"{param}.id")


def session_expired(minutes: int) -> ErrorDetail:
    return _invalid("session_expired", f"Your session hit the maximum duration of {minutes} minutes.")


# Input audio buffer.


def commit_too_small(buffered_ms: float, minimum_ms: int) -> ErrorDetail:
    message = (
        "Error committing input audio buffer: buffer too small. "
        f"Expected at least {minimum_ms}ms of audio, but buffer only has {buffered_ms:.2f}ms of audio."
    )
    return _invalid("input_audio_buffer_commit_empty", message)


def buffer_full(limit_s: int) -> ErrorDetail:
    message = f"The input audio buffer holds {limit_s} seconds at most. Commit or clear it, then append again."
    return _invalid("input_audio_buffer_full", message, "audio")


# Items.


def previous_item_unknown(item_id: str) -> ErrorDetail:
    message = f"Error adding item: the previous item with id '{clipped(item_id)}' does not exist."
    return _invalid("item_create_invalid_previous_item_id", message)


def item_exists(item_id: str) -> ErrorDetail:
    return _invalid(
        "item_create_duplicate_item_id", f"Error adding item: an item with id '{clipped(item_id)}' already exists."
    )


def item_unknown(verb: str, item_id: str) -> ErrorDetail:
    """`verb` is `retrieve` or `delete`."""
    gerund = {"retrieve": "retrieving", "delete": "deleting"}[verb]
    message = f"Error {gerund} item: the item with id '{clipped(item_id)}' does not exist."
    return _invalid(f"item_{verb}_invalid_item_id", message)


def truncate_unknown(item_id: str) -> ErrorDetail:
    return _invalid("item_truncate_invalid_item_id", f"Item with item_id not found: {clipped(item_id)}")


def truncate_too_long(has_ms: int, asked_ms: int) -> ErrorDetail:
    message = f"Audio content of {has_ms}ms is already shorter than {asked_ms}ms"
    return _invalid("invalid_value", message, "audio_end_ms")


def truncate_not_audio() -> ErrorDetail:
    return _invalid(None, "Only model output audio messages can be truncated")


def reference_unknown(item_id: str, param: str) -> ErrorDetail:
    return _invalid("invalid_value", f"Item with item_id not found: {clipped(item_id)}", param)


def tool_call_unknown(call_id: str) -> ErrorDetail:
    return _invalid("invalid_tool_call_id", f"Tool call ID '{clipped(call_id)}' not found in conversation.")


def approval_unknown(request_id: str) -> ErrorDetail:
    message = f"Approval request ID '{clipped(request_id)}' does not wait for a response."
    return _invalid("invalid_value", message, "item.approval_request_id")


# Responses.


def active_response(response_id: str) -> ErrorDetail:
    message = (
        f"Conversation already has an active response in progress: {response_id}. "
        "Wait until the response is finished before creating a new one."
    )
    return _invalid("conversation_already_has_active_response", message)


def nothing_to_cancel() -> ErrorDetail:
    return _invalid("response_cancel_not_active", "Cancellation failed: no active response found")


def no_responses_here() -> ErrorDetail:
    return _invalid("invalid_parameter", "A transcription session does not create responses.", "type")


def server_error(session_id: str) -> ErrorDetail:
    message = f"The server had an error while processing your request. Sorry about that! (session {session_id})"
    return ErrorDetail(type=SERVER_ERROR, message=message)


# Connecting: the error event is followed by a close in the same instant.


def missing_key() -> ErrorDetail:
    return _invalid(None, "Missing bearer or basic authentication in header")


def bad_key(shown: str) -> ErrorDetail:
    """`shown` is the masked key."""
    return _invalid("invalid_api_key", f"Incorrect API key provided: {shown}.")


def missing_model() -> ErrorDetail:
    message = "You must provide a model parameter, for example wss://HOST/v1/realtime?model=gpt-realtime"
    return _invalid("missing_model", message)


def unknown_model(model: str) -> ErrorDetail:
    return _invalid("invalid_model", f'Model "{clipped(model)}" is not supported in realtime mode.')


def model_with_transcription() -> ErrorDetail:
    return _invalid("invalid_model", "You must not provide a model parameter for transcription sessions.")


def invalid_intent(intent: str) -> ErrorDetail:
    return _invalid("invalid_intent", f"Invalid intent {clipped(intent)}")


def beta_disabled() -> ErrorDetail:
    message = "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."
    return _invalid("beta_api_shape_disabled", message)


def body_too_large(limit: int) -> ErrorDetail:
    return _invalid("request_too_large", f"The request body may have {limit} bytes at most.")


def too_many_secrets() -> ErrorDetail:
    return _invalid(RATE_LIMIT_EXCEEDED, "Too many client secrets are good at present. Please try again later.")


def too_many_sessions(limit: int) -> ErrorDetail:
    return _invalid("session_limit_reached", f"This server holds {limit} sessions at most. Try again later.")


def call_unknown(call_id: str) -> ErrorDetail:
    return _invalid("call_id_not_found", f"No call with id '{clipped(call_id)}' is running.", "call_id")


def bad_offer(why: str) -> ErrorDetail:
    """An SDP offer that cannot be answered."""
    return _invalid("invalid_offer", f"The SDP offer cannot be answered: {why}.", "sdp")


def bad_call_body() -> ErrorDetail:
    message = (
        "Expected 'multipart/form-data' with a part 'sdp' and, if wanted, a part 'session', "
        "or a body of 'application/sdp'."
    )
    return _invalid("unsupported_content_type", message)


def too_many_calls(limit: int) -> ErrorDetail:
    return _invalid(RATE_LIMIT_EXCEEDED, f"This server takes {limit} calls at most. Try again later.")


def too_many_half_open(limit: int) -> ErrorDetail:
    message = f"This server waits for {limit} calls to connect at most. Try again later."
    return _invalid(RATE_LIMIT_EXCEEDED, message)


def webrtc_missing() -> ErrorDetail:
    message = (
        "WebRTC is not installed on this server. "
        "hint: install the extra \"webrtc\", such as with pip install 'antiphon[webrtc]'."
    )
    return _invalid("webrtc_not_available", message)


def no_media_port() -> ErrorDetail:
    return ErrorDetail(
        type=SERVER_ERROR, code="no_media_port", message="No UDP port is free for a call. Try again later."
    )
