"""One run of `antiphon talk`: what is sent when, what each event leads to, and when it is over."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager, suppress
from itertools import chain, repeat
from pathlib import Path
from typing import Final

from rich.console import Console

from antiphon.audio import wav
from antiphon.audio.pcm import ms_of, silence
from antiphon.client.audio import SilentSpeaker, Speaker, chunks_of, paced
from antiphon.client.conversation import Event
from antiphon.client.devices import Loudspeaker, microphone
from antiphon.client.errors import ClientError, ConnectionLost
from antiphon.client.session import Session
from antiphon.protocol import server_events as ev
from antiphon.protocol.client_events import InputAudioBufferCommit, ResponseCreate
from antiphon.protocol.errors import ErrorDetail
from antiphon.talk.options import TalkOptions
from antiphon.talk.report import Report
from antiphon.talk.screen import JsonScreen, Screen, TerminalScreen
from antiphon.talk.sent import SentAudio
from antiphon.talk.turns import Turn, Turns

TAIL_MS: Final = 1_000
"""Silence sent after a recording, beyond what ends a turn: the last words may not have been noticed yet."""

NO_SPEECH_MS: Final = 5_000
"""Silence sent after a recording in which the server has noticed no speech, before we give up."""

CLOSE_TIMEOUT_S: Final = 1.0
"""How long after an error a close may still belong to it."""

FAILED, INTERRUPTED = 1, 130


class ServerError(ClientError):
    """The server refused something, or failed at it."""


class NoAnswer(ClientError):
    """What was to come did not come in time."""


async def talk(options: TalkOptions, console: Console) -> int:
    """Run to the end and tell everything on `console`. Returns the exit code: 0, 1 after a failure, 130 after Ctrl-C.

    Without a WAV it runs until Ctrl-C, which is then its good end.
    """
    screen = JsonScreen(console) if options.json else TerminalScreen(console)
    try:
        async with AsyncExitStack() as stack:
            pcm = _recording(options)
            speaker = _speaker(options, stack)
            stack.enter_context(screen.live())
            run = _Run(options, screen, speaker, pcm)
            await run.converse()
            run.save()
            return run.exit_code
    except ClientError as error:
        screen.failure(error)
        return FAILED


def _recording(options: TalkOptions) -> bytes | None:
    """The question; None when it is to come from the microphone."""
    if options.wav is None:
        if options.vad == "none":
            raise ClientError("Without turn detection nobody knows when you are done.", "leave --vad as it is")
        return None
    try:
        pcm = wav.read(options.wav)
    except (OSError, wav.WavError) as error:
        raise ClientError(f"{options.wav} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not pcm:
        raise ClientError(f"{options.wav} is empty.")
    return pcm


def _speaker(options: TalkOptions, stack: AsyncExitStack) -> Speaker:
    if options.play or options.wav is None:
        return stack.enter_context(Loudspeaker())
    return SilentSpeaker(asyncio.get_running_loop().time)


class _Run:
    """The state of one run. One task speaks and decides, another listens; both on one loop."""

    def __init__(self, options: TalkOptions, screen: Screen, speaker: Speaker, pcm: bytes | None) -> None:
        self._options, self._screen, self._speaker = options, screen, speaker
        self._pcm = pcm
        self._session = Session(
            options.url,
            options.wishes(),
            speaker=speaker,
            backoff=None,
            on_event=self._take,
            api_key=options.api_key,
            model=options.model,
            open_timeout_s=options.timeout_s,
        )
        self._view = self._session.conversation
        self._view.keeps_audio = options.saved_to is not None
        self._turns = Turns(is_transcribed=options.transcription_model is not None)
        self._sent = SentAudio()
        self._news_at = self._now
        self._is_closed = False
        self.exit_code = 0

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def converse(self) -> None:
        """Open the session, speak and listen until it is over. Raise ClientError."""
        try:
            async with self._session, asyncio.TaskGroup() as group:
                listening = group.create_task(self._listen())
                speaking = group.create_task(self._speak())
                with self._stopped_by_ctrl_c(speaking):
                    await asyncio.wait([speaking])
                if speaking.cancelled() or speaking.result():
                    listening.cancel()
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        self._check_closed()
        self._report(is_end=True)

    def save(self) -> None:
        """Write down what was answered, as far as it was heard."""
        path = self._options.saved_to
        items = [item for response in self._view.responses.values() for item in response.items]
        pcm = b"".join(bytes(item.audio[index]) for item in items for index in sorted(item.audio))
        if path is None or not pcm:
            return
        try:
            path.touch()  # a file that cannot be made fails here in one piece
            wav.write(path, pcm)
        except OSError as error:
            raise ClientError(f"{path} cannot be written: {error.strerror}.") from None
        self._screen.note(f"saved {path} ({ms_of(pcm) / 1000:.1f} s)")

    # Speaking.

    async def _speak(self) -> bool:
        """Send sound in real time until all is over; each chunk is also the tick by which everything is watched.

        False when the connection was lost: the listener then knows why.
        """
        async with self._source() as chunks:
            async for chunk in chunks:
                try:
                    await self._say(chunk)
                except ConnectionLost:
                    return False
                self._report()
                self._show()
                if self._is_over():
                    break
        return True

    @asynccontextmanager
    async def _source(self) -> AsyncIterator[AsyncIterator[bytes]]:
        """The microphone, or the recording and then silence; without turn detection, nothing after it."""
        chunk_ms = self._options.chunk_ms
        if self._pcm is None:
            async with microphone(chunk_ms) as heard:
                self._screen.note("Speak; Ctrl-C ends. Without headphones, give --half-duplex.")
                yield heard
            return
        rest = b"" if self._options.vad == "none" else silence(chunk_ms)
        async with aclosing(paced(chain(chunks_of(self._pcm, chunk_ms), repeat(rest)), chunk_ms)) as said:
            yield said

    async def _say(self, chunk: bytes) -> None:
        if not chunk:
            return
        if self._options.half_duplex and self._speaker.remaining_ms:
            chunk = bytes(len(chunk))
        await self._session.append(chunk)
        self._sent.add(chunk, self._now)
        if self._options.vad == "none" and self._left_ms <= 0:
            await self._session.send(InputAudioBufferCommit())
            await self._session.send(ResponseCreate())

    @property
    def _left_ms(self) -> int:
        """What is still to be said of the recording; below zero, the silence sent after it."""
        return ms_of(self._pcm or b"") - self._sent.sent_ms

    def _is_over(self) -> bool:
        """Whether there is nothing more to wait for. Raise NoAnswer when waiting has no use."""
        if self._is_closed:
            return True
        if self._pcm is None or self._left_ms > 0:
            self._news_at = max(self._news_at, self._now)
            return False
        if not self._turns.all and self._left_ms <= -NO_SPEECH_MS:
            raise NoAnswer(f"The server heard no speech in {self._options.wav}.")
        if self._now - self._news_at > self._options.timeout_s:
            return self._give_up()
        is_quiet = self._options.vad == "none" or self._left_ms <= -(self._options.silence_ms + TAIL_MS)
        is_heard = not (self._options.play and self._speaker.remaining_ms)
        return is_quiet and is_heard and bool(self._turns.all) and self._turns.is_settled

    def _check_closed(self) -> None:
        """A server that hangs up in the middle has failed, however politely."""
        if self._is_closed and not (self._turns.all and self._turns.is_settled and self._left_ms <= 0):
            raise NoAnswer("The server closed the connection before the answer was done.")

    def _give_up(self) -> bool:
        """No sign of life for too long. Words that nobody wrote down are no failure, an answer that is missing is."""
        missing = self._turns.missing
        if missing != "transcript":
            raise NoAnswer(f"Nothing came for {self._options.timeout_s:g} s; still waiting for {missing}.")
        self._screen.note("the server sent no transcript of what was said")
        return True

    # Listening.

    async def _listen(self) -> None:
        async for turn in self._session.listen():
            if isinstance(turn, ErrorDetail):
                await self._refused(turn)
        self._is_closed = True

    async def _refused(self, error: ErrorDetail) -> None:
        """Wait for the close that may say more, and end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                async for _ in self._session.listen():
                    pass
        raise ServerError(f"The server said: {error.message}")

    def _take(self, event: Event) -> None:
        now = self._news_at = self._now
        self._turns.fold(event, now)
        match event:
            case ev.InputAudioBufferSpeechStopped() | ev.InputAudioBufferCommitted():
                turn = self._turns.of_item(event.item_id)
                turn.spoken_at = turn.spoken_at or self._sent.speech_end(turn.start_ms, turn.end_ms)
            case ev.ResponseDone() if event.response.status == "failed":
                self.exit_code = FAILED
            case _:
                pass  # words and sound are in the view
        self._show()

    # Telling.

    def _report(self, *, is_end: bool = False) -> None:
        """Tell of each turn that is over and can no longer be interrupted."""
        for turn in self._turns.all:
            is_over = self._turns.is_over(turn)
            is_heard = turn is not self._turns.all[-1] or not self._speaker.remaining_ms
            if not turn.is_reported and (is_end or (is_over and is_heard)):
                turn.is_reported = True
                self._screen.turn(Report.of(turn, self._view))

    def _show(self) -> None:
        turn = next((turn for turn in reversed(self._turns.all) if not turn.is_reported), None)
        you, answer = self._words(turn) if turn else ("", "")
        self._screen.show(you, answer, self._state, self._now)

    def _words(self, turn: Turn) -> tuple[str, str]:
        response = self._view.responses.get(turn.response_id or "")
        return self._view.item(turn.item_id).text if turn.item_id else "", response.text if response else ""

    @property
    def _state(self) -> str:
        if self._pcm is not None and self._left_ms > 0:
            said_s, all_s = self._sent.sent_ms / 1000, ms_of(self._pcm) / 1000
            return f"▶ {Path(self._options.wav or '').name} {said_s:.1f} of {all_s:.1f} s"
        if self._turns.is_speaking:
            return "● you speak"
        if self._speaker.remaining_ms and (self._options.play or self._pcm is None):
            return f"♪ {self._speaker.remaining_ms / 1000:.1f} s to hear"
        return "… waiting for what comes" if self._pcm is not None else "○ listening"

    @contextmanager
    def _stopped_by_ctrl_c(self, speaking: asyncio.Task[bool]) -> Iterator[None]:
        """Let Ctrl-C end the run in good order; a second one ends the process, as ever."""
        loop = asyncio.get_running_loop()

        def stop() -> None:
            self.exit_code = INTERRUPTED if self._pcm else 0
            speaking.cancel()
            loop.remove_signal_handler(signal.SIGINT)

        with suppress(NotImplementedError, RuntimeError, ValueError):  # not on Windows, nor outside the main thread
            loop.add_signal_handler(signal.SIGINT, stop)
        try:
            yield
        finally:
            with suppress(NotImplementedError, RuntimeError, ValueError):
                loop.remove_signal_handler(signal.SIGINT)
