"""Who is let in, and what the others are told."""

import pytest

from antiphon.link import Scope
from antiphon.transports.admission import Gate, Knock, Refusal, admit
from antiphon.transports.auth import Keys

OPEN = Gate()
LOCKED = Gate(keys=Keys({"ann": "sk-ann"}))
STRICT = Gate(knows_model=lambda name: name == "gpt-realtime", refuses_beta=True)


def refused(knock: Knock, gate: Gate) -> tuple[int, str, str]:
    """The close code, the close reason and the message."""
    outcome = admit(knock, gate)
    assert isinstance(outcome, Refusal)
    return outcome.code, outcome.reason, outcome.error.message


def test_a_model_opens_a_realtime_session() -> None:
    """All that is known of the connection goes into its scope, the key by its name."""
    knock = Knock(
        headers={"authorization": "Bearer sk-ann"}, query={"model": "gpt-realtime", "api-key": "x"}, client="1.2.3.4:5"
    )

    assert admit(knock, LOCKED) == Scope(
        transport="websocket",
        dialect="ga",
        model="gpt-realtime",
        principal="ann",
        client="1.2.3.4:5",
        query={"model": "gpt-realtime"},
    )


@pytest.mark.parametrize(
    ("knock", "dialect"),
    [
        (Knock(headers={"openai-beta": "realtime=v1"}, query={"model": "gpt-realtime"}), "beta"),
        (Knock(query={"api-version": "2025-04-01-preview", "deployment": "gpt-realtime"}), "azure"),
        (Knock(query={"api-version": "2024-10-01-preview", "deployment": "gpt-realtime"}), "preview"),
    ],
)
def test_older_clients_are_let_in(knock: Knock, dialect: str) -> None:
    """Each with its dialect; Azure calls the model a deployment."""
    admitted = admit(knock, OPEN)

    assert isinstance(admitted, Scope)
    assert (admitted.dialect, admitted.model) == (dialect, "gpt-realtime")


def test_the_intent_opens_a_transcription_session() -> None:
    """It needs no model."""
    admitted = admit(Knock(query={"intent": "transcription"}), OPEN)

    assert isinstance(admitted, Scope)
    assert (admitted.intent, admitted.model) == ("transcription", None)


def test_an_open_server_takes_any_key() -> None:
    """Clients often cannot be told to send none."""
    admitted = admit(Knock(headers={"authorization": "Bearer whatever"}, query={"model": "m"}), OPEN)

    assert isinstance(admitted, Scope)
    assert admitted.principal == ""


def test_a_key_is_missing() -> None:
    """3000, and no code in the reason."""
    assert refused(Knock(query={"model": "m"}), LOCKED) == (
        3000,
        "invalid_request_error",
        "Missing bearer or basic authentication in header",
    )


def test_a_key_is_wrong() -> None:
    """3000; the key itself is not repeated. The key is checked before anything else is said."""
    knock = Knock(headers={"api-key": "sk-0123456789abcdef", "openai-beta": "realtime=v1"})

    assert refused(knock, LOCKED) == (
        3000,
        "invalid_request_error.invalid_api_key",
        "Incorrect API key provided: sk-***cdef.",
    )


@pytest.mark.parametrize(
    ("knock", "code", "message"),
    [
        (Knock(), "missing_model", "You must provide a model parameter"),
        (Knock(query={"deployment": "gpt-realtime"}), "missing_model", "You must provide a model parameter"),
        (Knock(query={"model": ""}), "missing_model", "You must provide a model parameter"),
        (Knock(query={"model": "gpt-9"}), "invalid_model", 'Model "gpt-9" is not supported'),
        (Knock(query={"intent": "sing"}), "invalid_intent", "Invalid intent sing"),
        (Knock(query={"intent": ""}), "invalid_intent", "Invalid intent "),
        (Knock(query={"intent": "transcription", "model": "gpt-realtime"}), "invalid_model", "You must not provide"),
        (
            Knock(headers={"openai-beta": "realtime=v1"}, query={"model": "gpt-realtime"}),
            "beta_api_shape_disabled",
            "The Realtime Beta API is no longer supported.",
        ),
        (
            Knock(query={"api-version": "2024-10-01-preview", "deployment": "gpt-9"}),
            "invalid_model",
            'Model "gpt-9" is not supported',
        ),
    ],
)
def test_a_request_is_of_the_wrong_shape(knock: Knock, code: str, message: str) -> None:
    """4000, with the provider's code and words."""
    close, reason, told = refused(knock, STRICT)

    assert (close, reason) == (4000, f"invalid_request_error.{code}")
    assert told.startswith(message)


def test_a_long_value_is_not_repeated_whole() -> None:
    """A message quotes a client's value, but not pages of it."""
    assert len(refused(Knock(query={"model": "m" * 10_000}), STRICT)[2]) < 300
