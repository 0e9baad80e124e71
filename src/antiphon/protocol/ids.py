"""Names for events, items and responses, as the provider writes them."""

import secrets
from collections.abc import Callable
from typing import TypeAlias

Ids: TypeAlias = Callable[[str], str]
"""Makes an id from its prefix; the core takes one, so that tests can count instead."""

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LENGTH = 21


def new_id(prefix: str) -> str:
    """`prefix_` and 21 base-62 characters, 125 bits that nobody can guess."""
    rest = secrets.randbits(160)  # more than needed, so that all ids are equally likely
    letters = []
    for _ in range(LENGTH):
        rest, letter = divmod(rest, 62)
        letters.append(ALPHABET[letter])
    return f"{prefix}_{''.join(letters)}"


def new_call_id() -> str:
    """A call's id: longer than others, since whoever knows it may listen in with a key of this server."""
    return f"rtc_u1_{secrets.token_hex(16)}"
