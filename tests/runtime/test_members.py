"""The links of one session."""

import asyncio

import pytest
from scripted_runtime import HandLink, audio_event, play, settled

from antiphon.facts import Traffic
from antiphon.link import Scope
from antiphon.protocol.server_events import InputAudioBufferCleared
from antiphon.runtime.members import Member, Members
from antiphon.runtime.options import RuntimeOptions

CLEARED = InputAudioBufferCleared()


def joined(members: Members, link: HandLink) -> Member:
    """Admit a link that the core knows."""
    member = members.admit(link)
    member.is_joined = True
    return member


async def sent(member: Member) -> list[str]:
    """The types of all that waits for a link."""
    member.outbound.close(1000, "")
    await member.outbound.write(member.link)
    assert isinstance(member.link, HandLink)
    return member.link.taken()


def test_an_event_goes_to_all_or_to_one() -> None:
    """An error is for whoever caused it."""

    async def scene() -> None:
        members = Members(RuntimeOptions(), Traffic())
        one, two = joined(members, HandLink()), joined(members, HandLink())
        members.tell(CLEARED, "event_1")
        members.tell(CLEARED, "event_2", to=two.origin)
        members.tell(CLEARED, "event_3", to="link_9")

        assert [len(await sent(member)) for member in (one, two)] == [1, 2]

    play(scene)


def test_a_link_hears_nothing_before_it_has_joined() -> None:
    """Its first event is `session.created`, which is sent to it alone."""

    async def scene() -> None:
        members = Members(RuntimeOptions(), Traffic())
        member = members.admit(HandLink())
        members.tell(CLEARED, "event_1")
        members.tell(CLEARED, "event_2", to=member.origin)

        assert len(await sent(member)) == 1

    play(scene)


def test_audio_goes_to_links_that_take_it() -> None:
    """A call hears by RTP; its data channel and its sidebands are told the words only."""

    async def scene() -> None:
        members = Members(RuntimeOptions(), Traffic())
        ears, eyes = joined(members, HandLink()), joined(members, HandLink(Scope("sideband", takes_audio=False)))
        members.tell(audio_event("resp_1", 10), "event_1")
        members.tell(CLEARED, "event_2")

        assert await sent(ears) == ["response.output_audio.delta", "input_audio_buffer.cleared"]
        assert await sent(eyes) == ["input_audio_buffer.cleared"]

    play(scene)


def test_a_link_that_comes_too_late_is_closed() -> None:
    """A session that has ended, or broken, does not keep it waiting."""

    async def scene() -> None:
        members = Members(RuntimeOptions(), Traffic())
        members.close(1001, "over")
        link = HandLink()
        await members.admit(link).outbound.write(link)

        assert link.closed == (1001, "over")

    play(scene)


def test_unsent_audio_is_dropped_on_every_link() -> None:
    """Barge-in is for all."""

    async def scene() -> None:
        members = Members(RuntimeOptions(), Traffic())
        all_members = [joined(members, HandLink()) for _ in range(2)]
        members.tell(audio_event("resp_1", 10), "event_1")
        members.tell(audio_event("resp_2", 10), "event_2")
        members.drop_audio("resp_1")

        assert [len(await sent(member)) for member in all_members] == [1, 1]

    play(scene)


def test_an_answer_goes_on_while_any_link_has_room() -> None:
    """A slow link delays itself; only when all are slow does the engine wait."""

    async def scene() -> None:
        members = Members(RuntimeOptions(outbound_bytes=100), Traffic())
        slow, quick = joined(members, HandLink()), joined(members, HandLink())
        members.tell(audio_event("resp_1", 100), "event_1", to=slow.origin)
        await members.room()
        members.tell(audio_event("resp_1", 100), "event_2", to=quick.origin)
        waiting = asyncio.ensure_future(members.room())
        await settled()
        assert not waiting.done()
        await sent(quick)

        await waiting

    play(scene)


def test_nobody_waits_for_a_link_that_has_left() -> None:
    """Its last frames may still be read, but it is not counted any more."""

    async def scene() -> None:
        members = Members(RuntimeOptions(outbound_bytes=100), Traffic())
        member = joined(members, HandLink())
        members.tell(audio_event("resp_1", 100), "event_1")
        waiting = asyncio.ensure_future(members.room())
        await settled()
        assert len(members) == 1
        members.leave(member)
        await waiting

        assert len(members) == 0
        assert members[member.origin] is member
        members.dismiss(member.origin)
        with pytest.raises(KeyError):
            members[member.origin]

    play(scene)


def test_each_link_is_told_in_its_own_dialect() -> None:
    """Links of one session may speak differently."""

    async def scene() -> None:
        members = Members(RuntimeOptions(), Traffic())
        today, old = joined(members, HandLink()), joined(members, HandLink(Scope("websocket", dialect="beta")))
        members.tell(audio_event("resp_1", 10), "event_1")

        assert await sent(today) == ["response.output_audio.delta"]
        assert await sent(old) == ["response.audio.delta"]

    play(scene)
