"""Answers through a speaker, and the caller who cuts in."""

from typing import Any

import pytest
from server_traces import MS, answer_begun, answer_ended, audio_delta, session, spoken_turn

from antiphon.client.audio import SilentSpeaker
from antiphon.client.conversation import Conversation
from antiphon.client.player import Player
from antiphon.protocol.client_events import ConversationItemTruncate
from antiphon.protocol.codec import server_event_of


class Scene:
    """A player with a clock that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.view = Conversation()
        self.speaker = SilentSpeaker(lambda: self.now)
        self.player = Player(self.speaker, self.view)

    def hear(self, *trees: dict[str, Any]) -> list[ConversationItemTruncate]:
        """What is to be sent after these events."""
        cuts = []
        for tree in trees:
            event = server_event_of({"event_id": "e", **tree})
            self.view.fold(event)
            cut = self.player.take(event)
            cuts += [cut] if cut else []
        return cuts


def test_the_caller_cuts_in() -> None:
    """What was played by then is told and kept; what comes later of that answer is not played."""
    scene = Scene()
    scene.hear(*answer_begun())
    made = len(scene.view.item("item_2").audio[0])
    scene.now = 0.1

    cuts = scene.hear(*spoken_turn("item_3", "item_2")[:1], audio_delta("resp_1", "item_2", 100))

    assert cuts == [ConversationItemTruncate(item_id="item_2", content_index=0, audio_end_ms=100)]
    assert made > len(scene.view.item("item_2").audio[0]) == 100 * len(MS)
    assert scene.speaker.remaining_ms == 0


def test_what_was_heard_in_whole_is_not_cut() -> None:
    """There is nothing to tell."""
    scene = Scene()
    scene.hear(*answer_begun(), *answer_ended())
    scene.now = 60.0

    assert scene.hear(*spoken_turn("item_3", "item_2")[:1]) == []
    assert scene.player.stop() is None


@pytest.mark.parametrize(("interrupts", "cuts"), [(True, 1), (False, 0)])
def test_a_session_may_wish_to_speak_on(interrupts: bool, cuts: int) -> None:
    """With `interrupt_response` off the server goes on, and so does the speaker."""
    turns = {"type": "server_vad", "interrupt_response": interrupts}
    heard = {"format": {"type": "audio/pcm", "rate": 24000}, "turn_detection": turns}
    scene = Scene()
    scene.hear({"type": "session.created", "session": session(audio={"input": heard})}, *answer_begun())

    assert len(scene.hear(*spoken_turn("item_3", "item_2")[:1])) == cuts
