"""What the `openai` SDK raises, as `EngineError` with the protocol's codes.

The texts may reach a client of ours: no key, no address.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import openai

from antiphon.ports import EngineError

MAX_MESSAGE_CHARACTERS = 500
_QUOTA = "insufficient_quota"


@contextlib.contextmanager
def explained(timeout_s: float, expected: str = "chat completion stream") -> Iterator[None]:
    """Raise `EngineError` for what the SDK, the network or the clock raises inside, and what is not as `expected`."""
    try:
        yield
    except (TimeoutError, openai.APITimeoutError) as error:
        raise EngineError(f"The model endpoint said nothing for {timeout_s:g} seconds.") from error
    except openai.APIStatusError as error:
        raise _by_status(error) from error
    except openai.APIConnectionError as error:
        reason = f" ({error.__cause__})" if error.__cause__ and str(error.__cause__) else ""
        raise EngineError(f"The connection to the model endpoint failed{reason}.") from error
    except openai.APIError as error:
        raise EngineError(f"The model endpoint reports: {error.message}", code=error.code) from error
    except openai.OpenAIError as error:
        raise EngineError("The model endpoint cannot be used.") from error
    except (ValueError, TypeError, AttributeError) as error:  # the SDK checks no types
        raise EngineError(f"The model endpoint sent what is no {expected}.") from error


def _by_status(error: openai.APIStatusError) -> EngineError:
    message = _message_of(error)
    match error.status_code:
        case 401:
            return EngineError("The model endpoint refuses the API key.", code="invalid_api_key")
        case 403:
            return EngineError("The model endpoint forbids this.", code=error.code)
        case 404:
            return EngineError(message, code=error.code or "model_not_found")
        case 429:
            code = _QUOTA if _QUOTA in (error.code, error.type) else "rate_limit_exceeded"
            return EngineError(message, code=code, type=error.type or "rate_limit_error")
        case status if status < 500:
            return EngineError(message, code=error.code, type=error.type or "invalid_request_error")
        case _:
            return EngineError(message, code=error.code)


def _message_of(error: openai.APIStatusError) -> str:
    """The endpoint's own words, where it has some; not the page of a proxy in front of it."""
    words: Any = error.body.get("message") if isinstance(error.body, dict) else error.body
    if isinstance(words, str) and words and "<" not in words:
        return words[:MAX_MESSAGE_CHARACTERS]
    return f"The model endpoint answered with HTTP status {error.status_code}."
