"""Each effect reaches the one who can do it, and none of them waits."""

import asyncio

from scripted_runtime import FREE, HandLink, HandResponder, HandRun, Notes, audio_event, play, settled

from antiphon.engines.tone import ToneASR
from antiphon.facts import SessionClosed, Traffic
from antiphon.owner import TaskOwner
from antiphon.ports import HearingOptions, Prompt, TextDelta, Transcript
from antiphon.protocol.response import Response, ResponseAudio, ResponseUsage
from antiphon.protocol.server_events import InputAudioBufferCleared, ResponseDone
from antiphon.runtime.answering import Answers
from antiphon.runtime.hearing import Hearings
from antiphon.runtime.judging import Judges
from antiphon.runtime.limits import Allowance, Limits
from antiphon.runtime.members import Members
from antiphon.runtime.options import RuntimeOptions
from antiphon.runtime.performer import Performer
from antiphon.runtime.tools import ToolCalls
from antiphon.session.effects import Close, Forget, Hear, Judge, Release, Report, Respond, Send, Settle, Stop
from antiphon.session.inputs import Finished, Input, Produced, Recognised

PROMPT = Prompt("sess_1", "", ())


class Stage:
    """A performer with one link and a core that only listens."""

    def __init__(self, *runs: HandRun, allowance: Allowance = FREE) -> None:
        self.tasks = TaskOwner(lambda: None)
        self.news: asyncio.Queue[Input] = asyncio.Queue()
        self.notes = Notes()
        self.members = Members(RuntimeOptions(), Traffic())
        self.link = HandLink()
        self.member = self.members.admit(self.link)
        self.member.is_joined = True
        self.performer = Performer(
            self.members,
            Hearings(ToneASR(), self.news.put, self.tasks, 5.0),
            Judges(None, self.news.put, self.tasks, self.notes, "sess_1"),
            Answers(HandResponder(*runs), self.news.put, self.members.room, self.tasks, 5.0, allowance=allowance),
            self.notes,
            tools=ToolCalls(None, self.news.put, self.tasks, 5.0),
            allowance=allowance,
            post=self.news.put_nowait,
        )


def test_an_event_is_sent_under_a_name_of_its_own() -> None:
    """No two share one."""

    async def scene() -> None:
        stage = Stage()
        stage.performer.perform(Send(InputAudioBufferCleared()))
        stage.performer.perform(Send(InputAudioBufferCleared(), to=stage.member.origin))
        stage.performer.perform(Close(1000, "done"))
        await stage.member.outbound.write(stage.link)
        one, two = await stage.link.next(), await stage.link.next()

        assert one["type"] == two["type"] == "input_audio_buffer.cleared"
        assert one["event_id"].startswith("event_")
        assert one["event_id"] != two["event_id"]
        assert stage.link.closed == (1000, "done")

    play(scene)


def test_an_item_is_heard_settled_and_forgotten() -> None:
    """The recogniser's news come back; of a forgotten item none do."""

    async def scene() -> None:
        stage = Stage()
        for item_id in ("item_1", "item_2"):
            stage.performer.perform(Hear(item_id, bytes(4800), HearingOptions()))
            stage.performer.perform(Settle(item_id, 2400))
        stage.performer.perform(Forget("item_2"))
        news = await stage.news.get()
        stage.performer.noted(news)
        await settled()

        assert news == Recognised("item_1", Transcript("", language="en"), cut=2400, final=True)
        assert stage.news.empty()

    play(scene)


def test_an_answer_is_begun_and_stopped() -> None:
    """What is not sent of its audio is dropped at once."""

    async def scene() -> None:
        run = HandRun()
        stage = Stage(run)
        stage.performer.perform(Respond("resp_1", PROMPT))
        run.deltas.put_nowait(TextDelta("a"))
        assert isinstance(await stage.news.get(), Produced)
        stage.performer.perform(Send(audio_event("resp_1", 100)))
        stage.performer.perform(Send(InputAudioBufferCleared()))
        stage.performer.perform(Stop("resp_1"))
        stage.performer.perform(Close(1000, ""))
        await stage.member.outbound.write(stage.link)
        await settled()

        assert stage.link.taken() == ["input_audio_buffer.cleared"]
        assert run.is_closed
        assert stage.news.empty()

    play(scene)


def test_an_answer_that_ends_is_told() -> None:
    """Its end comes from the engine."""

    async def scene() -> None:
        run = HandRun()
        stage = Stage(run)
        stage.performer.perform(Respond("resp_1", PROMPT))
        run.deltas.put_nowait(None)

        assert await stage.news.get() == Finished("resp_1", run.usage)

    play(scene)


def test_a_draft_is_released_and_a_pause_judged() -> None:
    """Both may come to nothing: the draft may have ended, and there may be no turn model."""

    async def scene() -> None:
        stage = Stage()
        stage.performer.perform(Release("resp_1"))
        stage.performer.perform(Judge("item_1", 0, "and", b""))
        await settled()

        assert stage.news.empty()

    play(scene)


def test_facts_go_to_the_meter() -> None:
    """As they are."""

    async def scene() -> None:
        stage = Stage()
        fact = SessionClosed("sess_1", 1.0)
        stage.performer.perform(Report(fact))

        assert stage.notes.facts == [fact]

    play(scene)


def test_what_is_left_is_told_after_each_response() -> None:
    """`rate_limits.updated` follows `response.done`, where the operator has set limits."""

    async def scene() -> None:
        stage = Stage(allowance=Limits(lambda: 0.0, tokens=1000).allowance("alice"))
        done = Response(
            id="resp_1",
            status="completed",
            conversation_id=None,
            output_modalities=("text",),
            max_output_tokens="inf",
            audio=ResponseAudio(),
            usage=ResponseUsage(total_tokens=400),
        )
        stage.performer.perform(Send(ResponseDone(response=done)))
        stage.performer.perform(Close(1000, "done"))
        await stage.member.outbound.write(stage.link)

        assert (await stage.link.next())["type"] == "response.done"
        limits = await stage.link.next()
        assert limits["type"] == "rate_limits.updated"
        assert limits["rate_limits"] == [{"name": "tokens", "limit": 1000, "remaining": 600, "reset_seconds": 24.0}]

    play(scene)
