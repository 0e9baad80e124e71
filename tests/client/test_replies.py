"""Whose response it is, without a server."""

import asyncio

import pytest

from antiphon.client.errors import ClientError, Refused
from antiphon.client.replies import BUSY, METADATA_KEY, Asked, Piece, Replies, Reply
from antiphon.client.views import ResponseView
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.response import ResponseParams


def response(number: int, name: str | None = None) -> ResponseView:
    """A response of the conversation, asked for under a name."""
    metadata = {METADATA_KEY: name} if name else {}
    return ResponseView(f"resp_{number}", conversation_id="conv_1", metadata=metadata)


def asked(replies: Replies, name: str, *, is_sent: bool = True) -> Reply:
    """Somebody asks under a name."""
    reply = Reply()
    replies.asked[name] = Asked(reply, ResponseParams(), item_id=f"item_{name}", is_sent=is_sent)
    return reply


def error(code: str | None = None, name: str | None = None) -> ErrorDetail:
    """What a server says."""
    return ErrorDetail(type="invalid_request_error", code=code, message="No.", event_id=name)


def whole(reply: Reply) -> Reply:
    """The reply, waited for."""

    async def waited() -> Reply:
        async with asyncio.timeout(10):
            return await reply

    return asyncio.run(waited())


def test_a_reply_may_answer_two() -> None:
    """Who follows another hears all of it, what was said before as well, and its end."""
    first, second = Reply(), Reply()
    first.go_on(response(1))
    first.add(Piece("One "))
    first.lead(second)
    first.go_on(response(2))
    first.add(Piece("two.", b"\1\1"))
    first.end()

    assert whole(second).audio == b"\1\1"
    assert second.responses == first.responses
    late = Reply()
    first.lead(late)
    assert whole(late).responses == first.responses


def test_who_follows_fails_with_the_other() -> None:
    """The first end counts."""
    first, second = Reply(), Reply()
    first.lead(second)
    first.end(ClientError("lost"))
    first.end(ClientError("later"))

    for reply in (first, second):
        with pytest.raises(ClientError, match="lost"):
            whole(reply)


def test_names_decide() -> None:
    """In whatever order responses begin; once a server has named ours, what has no name is nobody's."""
    replies = Replies()
    one, two = asked(replies, "1"), asked(replies, "2")

    assert replies.began(response(2, "2")) is None
    unasked = replies.began(response(3))
    assert unasked is not None
    assert replies.began(response(1, "1")) is None
    assert [[view.id for view in reply.responses] for reply in (one, two, unasked)] == [
        ["resp_1"],
        ["resp_2"],
        ["resp_3"],
    ]


def test_a_response_of_somebody_who_was_refused() -> None:
    """It is no news for who listens."""
    replies = Replies()
    gone = asked(replies, "1")

    assert replies.refused(error(name="1"))
    with pytest.raises(Refused):
        whole(gone)
    assert replies.began(response(1, "1")) is None


@pytest.mark.parametrize(
    ("told", "concerns"),
    [
        (error(name="1"), True),
        (error(name="another"), False),
        (error(), True),
        (error(BUSY), True),
        (error("item_truncate_invalid_item_id"), False),
    ],
)
def test_whom_an_error_concerns(told: ErrorDetail, concerns: bool) -> None:
    """Who is named; without a name who waits longest, unless it is of the harmless kind."""
    replies = Replies()
    asked(replies, "1")

    assert replies.refused(told) is concerns


def test_an_error_without_a_name_of_a_server_that_names() -> None:
    """It is not about what was asked, but for the one that says why."""
    replies = Replies(echoes=True)
    asked(replies, "1")

    assert not replies.refused(error())
    assert replies.refused(error(BUSY))
    assert replies.due() == ["1"]


def test_all_that_waits_fails() -> None:
    """Those that wait, run or call; only questions that nobody began to answer are unanswered."""
    replies = Replies()
    waiting, goes_on, calling = asked(replies, "1", is_sent=False), asked(replies, "2"), Reply()
    goes_on.go_on(response(7))
    replies.calling.append(calling)

    assert replies.fail(ClientError("lost")) == ["item_1"]
    for reply in (waiting, goes_on, calling):
        with pytest.raises(ClientError, match="lost"):
            whole(reply)
    assert replies.fail(ClientError("again")) == []
