"""Ids look like the provider's and never repeat."""

import re

from antiphon.protocol.ids import new_id


def test_an_id_is_its_prefix_and_21_base_62_characters() -> None:
    """The form that clients have seen so far."""
    assert re.fullmatch(r"resp_[0-9A-Za-z]{21}", new_id("resp"))


def test_ids_do_not_repeat() -> None:
    """Not in any number that a test can make."""
    assert len({new_id("item") for _ in range(5000)}) == 5000


def test_every_character_is_used() -> None:
    """All 62, in the first place as in the last."""
    ids = [new_id("event") for _ in range(5000)]

    assert len({one[-1] for one in ids}) == len({one[len("event_")] for one in ids}) == 62
