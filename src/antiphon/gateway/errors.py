"""What a relay has to tell a client that no upstream would: one constructor for each error."""

from antiphon.protocol.errors import INVALID_REQUEST, RATE_LIMIT_EXCEEDED, SERVER_ERROR, ErrorDetail

RATE_LIMIT_ERROR = "rate_limit_error"


def no_upstream() -> ErrorDetail:
    """Every upstream that could serve the client has failed."""
    return ErrorDetail(
        type=SERVER_ERROR,
        code="upstream_unavailable",
        message="No upstream server could be reached. Please try again later.",
    )


def upstream_lost(why: str) -> ErrorDetail:
    """The connection to the upstream ended in the middle of a session; `why` is a sentence."""
    return ErrorDetail(type=SERVER_ERROR, code="upstream_lost", message=f"The upstream server is gone. {why}")


def upstream_key_refused() -> ErrorDetail:
    """The upstream does not take the relay's key any more; its own words show parts of that key."""
    return ErrorDetail(
        type=SERVER_ERROR, code="upstream_key_refused", message="The upstream server refused the relay's key."
    )


def upstream_garbled() -> ErrorDetail:
    """The upstream sent something that is no event; it is not passed on."""
    return ErrorDetail(
        type=SERVER_ERROR, code="upstream_invalid_event", message="The upstream server sent a frame that is no event."
    )


def too_many_sessions_of_key(limit: int) -> ErrorDetail:
    """The key has as many sessions open as it may have."""
    return ErrorDetail(
        type=RATE_LIMIT_ERROR,
        code=RATE_LIMIT_EXCEEDED,
        message=f"Rate limit reached for sessions: limit {limit} at a time. Close one, then try again.",
    )


def no_minutes_left(limit: float) -> ErrorDetail:
    """The key has used up its day."""
    return ErrorDetail(
        type=RATE_LIMIT_ERROR,
        code=RATE_LIMIT_EXCEEDED,
        message=f"Rate limit reached for session minutes: limit {limit:g} per day. Please try again tomorrow (UTC).",
    )


def no_tokens_left(limit: int, wait_s: float, event_id: str | None = None) -> ErrorDetail:
    """The key has spent its tokens for now. `event_id` is the client's name for what asked for more."""
    return ErrorDetail(
        type=RATE_LIMIT_ERROR,
        code=RATE_LIMIT_EXCEEDED,
        message=f"Rate limit reached for tokens: limit {limit} per minute. Please try again in {wait_s:.1f}s.",
        event_id=event_id,
    )


def too_many_waiting(limit: int, event_id: str | None) -> ErrorDetail:
    """More answers wait for the running one than a relay holds."""
    return ErrorDetail(
        type=INVALID_REQUEST,
        code="too_many_responses",
        message=f"At most {limit} responses may wait for the one that runs.",
        event_id=event_id,
    )


def client_too_slow() -> ErrorDetail:
    """The client takes nothing of what it is sent."""
    return ErrorDetail(
        type=INVALID_REQUEST, code="client_too_slow", message="The client is too slow: it takes nothing."
    )


def shutting_down() -> ErrorDetail:
    """The relay is being stopped."""
    return ErrorDetail(type=SERVER_ERROR, code="shutting_down", message="The relay is shutting down.")


def no_calls() -> ErrorDetail:
    """WebRTC and SIP calls need their sound passed on, too."""
    return ErrorDetail(
        type=INVALID_REQUEST,
        code="calls_not_supported",
        message="This relay passes WebSocket sessions on, no WebRTC or SIP calls. Connect to /v1/realtime.",
    )
