"""The bodies of REST that ask for ephemeral keys."""

import msgspec
import pytest
from openai.types.realtime import client_secret_create_params as sdk

from antiphon.protocol.secrets import BetaClientSecret, ClientSecretRequest, ExpiresAfter
from antiphon.protocol.session import RealtimeSessionUpdate
from antiphon.protocol.wire import UNSET


def test_the_fields_are_the_sdks() -> None:
    """No more, no fewer."""
    assert set(ClientSecretRequest.__struct_fields__) == set(sdk.ClientSecretCreateParams.__annotations__)
    assert set(ExpiresAfter.__struct_fields__) == set(sdk.ExpiresAfter.__annotations__)


def test_everything_may_be_left_out() -> None:
    """An empty body is a request too."""
    assert msgspec.json.decode(b"{}", type=ClientSecretRequest) == ClientSecretRequest()
    assert msgspec.json.decode(b"{}", type=BetaClientSecret).expires_after is UNSET


def test_a_session_comes_by_its_type() -> None:
    """And keeps what it says."""
    body = b'{"expires_after":{"anchor":"created_at","seconds":10},"session":{"type":"realtime","model":"m"}}'
    request = msgspec.json.decode(body, type=ClientSecretRequest)

    assert request.expires_after == ExpiresAfter(seconds=10)
    assert request.session == RealtimeSessionUpdate(model="m")


@pytest.mark.parametrize("seconds", [9, 7201])
def test_the_life_of_a_key_is_bounded(seconds: int) -> None:
    """10 seconds to 2 hours, by the reference."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"seconds": seconds}, ExpiresAfter)
