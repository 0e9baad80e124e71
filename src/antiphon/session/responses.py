"""All responses of a session: at most one in the conversation, any number out of band beside it.

News of a response that is not here any more is dropped here, and nowhere else.
"""

from collections.abc import Iterator
from dataclasses import replace

from antiphon.facts import EngineFailed, ResponseEnded
from antiphon.ports import Prompt
from antiphon.protocol.errors import INVALID_REQUEST, SERVER_ERROR
from antiphon.protocol.items import InputAudio, Message
from antiphon.protocol.response import Cancelled, Failed, Incomplete, ResponseError, ResponseStatus, StatusDetails
from antiphon.session.config import SessionSettings
from antiphon.session.conversation import Conversation, Entry
from antiphon.session.drafts import Drafts
from antiphon.session.effects import Effect, Report, Respond, Stop, Warm
from antiphon.session.followups import Followups
from antiphon.session.inputs import Broke, Finished, Produced
from antiphon.session.listings import Listings
from antiphon.session.response import Answer, Plan, Times
from antiphon.session.templates import instructions_of
from antiphon.session.tools import Offer, offer_of
from antiphon.session.transcription import NO_ASR, Transcriptions
from antiphon.session.truncation import fitting, room_for_items

TOO_LONG = "The conversation does not fit the model's context, and truncation is disabled."


class Responses:
    """The table of responses in progress."""

    def __init__(
        self,
        settings: SessionSettings,
        conversation: Conversation,
        words: Transcriptions,
        listings: Listings,
        followups: Followups,
    ) -> None:
        self._settings = settings
        self._conversation = conversation
        self._words = words
        self._listings = listings
        self._followups = followups
        self._calls = followups.calls
        self._open: dict[str, Answer] = {}
        self._drafts = Drafts(settings.session_id)
        self.has_spoken = False
        """Whether the session has produced assistant audio; locks the voice."""
        self.played_at: float | None = None
        """When the last answer will have been played to its end, if nobody has spoken since.

        On a call it is not known before it has happened.
        """

    @property
    def active_id(self) -> str | None:
        """The response that writes to the conversation."""
        return next((answer.id for answer in self._open.values() if answer.plan.in_conversation), None)

    def draft(self, plan: Plan, now: float) -> Iterator[Effect]:
        """Begin an answer to a turn that may not be over; the turn is the last entry of the plan's context."""
        if self._listings.awaited(plan.config.tools):
            return  # the answer has to wait for what it may call
        prompt = self._prompt(plan, self._offer(plan))
        if prompt is not None:
            yield from self._drafts.begin(self._settings.new_id("resp"), replace(prompt, draft=True), now)

    def warm(self, plan: Plan) -> Iterator[Effect]:
        """The caller has begun to speak: the model can read what was said before."""
        prompt = self._prompt(plan, self._offer(plan))
        if prompt is not None:
            yield Warm(replace(prompt, draft=True))

    @property
    def is_drafting(self) -> bool:
        """Whether an answer is being drafted."""
        return self._drafts.is_open

    def drop_draft(self, now: float) -> Iterator[Effect]:
        """Whatever the draft was based on has changed."""
        yield from self._drafts.drop(now)

    def answer_turn(self, plan: Plan, now: float) -> Iterator[Effect]:
        """The turn is over, and is the last entry of the plan's context: what was drafted is the answer."""
        kept = self._drafts.keep(now)
        if kept is None:
            yield from self.create(plan, now)
            return
        draft, effects = kept
        self._followups.supersede(set())
        answer = self._open_answer(draft.response_id, replace(plan, offer=self._offer(plan)), now)
        answer.work = draft.work
        yield from answer.created()
        yield from effects
        for news in draft.kept:
            if isinstance(news, Produced):
                yield from self._take(answer, news, now)
            else:
                yield from self.finished(news, now)

    def _open_answer(self, response_id: str, plan: Plan, now: float) -> Answer:
        answer = Answer(
            id=response_id,
            plan=plan,
            conversation=self._conversation,
            new_id=self._settings.new_id,
            calls=self._calls,
            times=Times(created=now),
            is_played=self._settings.is_call,
        )
        self._open[answer.id] = answer
        return answer

    def create(self, plan: Plan, now: float) -> Iterator[Effect]:
        """Begin a response; its engine starts once the words and the tools that it needs are known.

        It also waits for MCP calls that run, unless it answers the caller, who need not be silent meanwhile.
        """
        running = set() if plan.follows_turn else self._calls.running(plan.context)
        if plan.in_conversation:
            self._followups.supersede(running)
        answer = self._open_answer(self._settings.new_id("resp"), plan, now)
        yield from answer.created()
        for entry in plan.context:
            is_passed_over = entry.is_unheard and entry is not plan.context[-1]
            if entry.needs_words and not is_passed_over and not self._settings.hears_audio:
                yield from self._words.demand(entry, now)
                if not self._words.is_hearing(entry.id):
                    yield from self._fail(answer, NO_ASR, None, SERVER_ERROR, now)
                    return
                answer.waits_for.add(entry.id)
        answer.waits_for |= self._listings.awaited(plan.config.tools) | running
        if not answer.waits_for:
            yield from self._start(answer, now)

    def item_settled(self, item_id: str, now: float, *, problem: str | None = None) -> Iterator[Effect]:
        """An item is known that answers wait for, is unknowable (`problem`), or is not wanted any more."""
        for answer in [a for a in self._open.values() if item_id in a.waits_for]:
            answer.waits_for.remove(item_id)
            if problem is not None:
                yield from self._fail(answer, problem, None, SERVER_ERROR, now)
            elif not answer.waits_for:
                yield from self._start(answer, now)

    def _start(self, answer: Answer, now: float) -> Iterator[Effect]:
        if answer.plan.follows_turn and _said_nothing(answer.plan.context[-1]):
            yield from self._end(answer, "completed", None, now)  # a cough is not a question
            return
        offer = self._offer(answer.plan)
        answer.plan = replace(answer.plan, offer=offer)
        prompt = self._prompt(answer.plan, offer)
        if prompt is None:
            yield from self._fail(answer, TOO_LONG, "context_length_exceeded", INVALID_REQUEST, now)
        else:
            answer.work.began = now
            yield Respond(answer.id, prompt)

    def _offer(self, plan: Plan) -> Offer:
        return offer_of(plan.config.tools, plan.config.tool_choice, self._listings.tools_of)

    def _prompt(self, plan: Plan, offer: Offer) -> Prompt | None:
        """What the engine is given; None when the context is too long, and nothing may be left out."""
        config = plan.config
        voice = config.output.voice
        limit = None if config.max_output_tokens == "inf" else config.max_output_tokens
        instructions = instructions_of(config, self._settings)
        entries: tuple[Entry, ...] | None = plan.context
        if self._settings.context is not None:
            room = room_for_items(self._settings.context, instructions, limit, config.truncation)
            count = self._settings.context.count
            entries = fitting(plan.context, room, config.truncation, count, for_good=plan.in_conversation)
        if entries is None:
            return None
        return Prompt(
            session_id=self._settings.session_id,
            instructions=instructions,
            items=offer.shown([entry.for_model(hears_audio=self._settings.hears_audio) for entry in entries]),
            modality=config.modality,
            tools=offer.tools,
            tool_choice=offer.choice,
            parallel_tool_calls=config.parallel_tool_calls is not False,
            max_output_tokens=limit,
            temperature=config.temperature,
            reasoning_effort=(config.reasoning.effort or None) if config.reasoning else None,
            voice=voice if isinstance(voice, str) else voice.id,
            speed=config.output.speed,
        )

    def produced(self, news: Produced, now: float) -> Iterator[Effect]:
        """A piece of an answer has come."""
        answer = self._open.get(news.response_id)
        if answer is None:
            self._drafts.take(news, now)
            return
        answer.work.note(news.delta, now)
        yield from self._take(answer, news, now)

    def _take(self, answer: Answer, news: Produced, now: float) -> Iterator[Effect]:
        yield from answer.take(news.delta, news.usage, now)
        if answer.times.first_audio is not None:
            self.has_spoken = True

    def finished(self, news: Finished, now: float) -> Iterator[Effect]:
        """The engine is done."""
        answer = self._open.get(news.response_id)
        if answer is None:
            self._drafts.take(news, now)
        else:
            answer.usage = news.usage
            yield from self._end(answer, "incomplete" if answer.ending else "completed", answer.ending, now)

    def broke(self, news: Broke, now: float) -> Iterator[Effect]:
        """The engine has failed."""
        answer = self._open.get(news.response_id)
        if answer is None:
            self._drafts.take(news, now)
        else:
            answer.usage = news.usage
            if news.is_fault:
                yield Report(EngineFailed(self._settings.session_id, "responder", news.message))
            if self._calls.is_running(answer.id):
                yield Stop(answer.id)
            yield from self._fail(answer, news.message, news.code, news.type, now)

    def cancel(self, response_id: str | None, details: Cancelled, now: float) -> Iterator[Effect]:
        """Stop a response, or the one in the conversation; nothing happens when there is none."""
        answer = self._open.get(response_id or self.active_id or "")
        if answer is not None:
            yield Stop(answer.id)
            yield from self._end(answer, "cancelled", details, now)

    def __contains__(self, response_id: object) -> bool:
        return response_id in self._open

    def _fail(self, answer: Answer, message: str, code: str | None, kind: str, now: float) -> Iterator[Effect]:
        error = ResponseError(type=kind, code=code, message=message)
        yield from self._end(answer, "failed", Failed(error=error), now)

    def _end(
        self, answer: Answer, status: ResponseStatus, details: StatusDetails | None, now: float
    ) -> Iterator[Effect]:
        del self._open[answer.id]
        yield from answer.finish(status, details)
        if answer.plan.in_conversation:
            is_playing = self._settings.is_call and answer.spoken_ms > 0
            self.played_at = None if is_playing else now + answer.spoken_ms / 1000
        if status == "completed":
            self._followups.expect(answer)
        self._conversation.let_go()
        yield Report(_fact(self._settings.session_id, answer, status, details, now))


def _said_nothing(entry: Entry) -> bool:
    """Whether the turn turned out to hold no words."""
    item = entry.item
    spoken = isinstance(item, Message) and any(isinstance(part, InputAudio) for part in item.content)
    return spoken and entry.words is not None and not entry.words.strip()


def _fact(session_id: str, answer: Answer, status: str, details: StatusDetails | None, now: float) -> ResponseEnded:
    times, context, billed = answer.times, answer.plan.context, answer.billed

    def since_created(moment: float | None) -> float | None:
        return None if moment is None else (moment - times.created) * 1000

    return ResponseEnded(
        session_id=session_id,
        response_id=answer.id,
        status=status,
        created_at=times.created,
        first_delta_ms=since_created(times.first_delta),
        first_audio_ms=since_created(times.first_audio),
        done_ms=(now - times.created) * 1000,
        audio_ms=answer.spoken_ms,
        usage=answer.usage,
        reason=details.reason if isinstance(details, Cancelled | Incomplete) else None,
        item_id=context[-1].id if context else None,
        silence_ms=answer.plan.silence_ms,
        work=answer.work,
        heard_tokens=billed.input_token_details.audio_tokens if billed else 0,
        spoken_tokens=billed.output_token_details.audio_tokens if billed else 0,
    )
