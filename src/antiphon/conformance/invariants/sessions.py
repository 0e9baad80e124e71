"""Laws about a session as a whole: its names, its items, and what was heard."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from antiphon.conformance.case import OBSERVED, SCHEMA, law
from antiphon.conformance.invariants.events import item_id, kind_of, part_of, told
from antiphon.recording import Line

ITEM_ADDED: Final = "conversation.item.added"
ITEM_DONE: Final = "conversation.item.done"
HEARD: Final = "conversation.item.input_audio_transcription"
OLDER: Final = (
    *("conversation.item.created", "response.text.", "response.audio.", "response.audio_transcript."),
    *("transcription_session.",),
)
LIVE_MODELS: Final = frozenset({"gpt-realtime-whisper", "gpt-live-transcribe"})
"""Transcription models that give words before the item is there."""
DETAIL_KEYS: Final = frozenset({"type", "message"})


@law(SCHEMA)
def event_ids(lines: Sequence[Line]) -> list[str]:
    """Every event has a type and an `event_id`, and no two have the same."""
    events = [event for event in told(lines) if kind_of(event) != "input_audio_buffer.dtmf_event_received"]
    nameless = [f"{kind_of(event)} has no event_id" for event in events if not isinstance(event.get("event_id"), str)]
    untyped = ["an event has no type" for event in events if not isinstance(event.get("type"), str)]
    counted = Counter(event.get("event_id") for event in events)
    return [*untyped, *nameless, *(f"{name} was used {n} times" for name, n in counted.items() if n > 1)]


@law(SCHEMA)
def one_dialect(lines: Sequence[Line]) -> list[str]:
    """No event has a name of an older dialect."""
    return [f"{kind_of(event)} came" for event in told(lines) if kind_of(event).startswith(OLDER)]


@law(SCHEMA)
def error_shape(lines: Sequence[Line]) -> list[str]:
    """An `error` event has an object `error` with at least a type and a message."""
    errors = [part_of(event, "error") for event in told(lines) if kind_of(event) == "error"]
    return [f"an error lacks {DETAIL_KEYS - set(error)}: {error}" for error in errors if not set(error) >= DETAIL_KEYS]


@law(OBSERVED)
def items_are_added_then_done(lines: Sequence[Line]) -> list[str]:
    """An item of the conversation is `added`, then `done`; what is done was added."""
    added: set[Any] = set()
    wrong = []
    for event in told(lines):
        if kind_of(event) == ITEM_ADDED:
            added.add(item_id(event))
        elif kind_of(event) == ITEM_DONE and item_id(event) not in added:
            wrong.append(f"{item_id(event)} is done, but was not added")
    return wrong


@law(OBSERVED)
def no_audio_in_items(lines: Sequence[Line]) -> list[str]:
    """Items carry no bytes of audio, except where they are retrieved."""
    wrong = []
    for event in told(lines):
        if kind_of(event) != "conversation.item.retrieved":
            items = [part_of(event, "item"), *(part_of(event, "response").get("output") or [])]
            parts = [part for item in items for part in item.get("content") or [] if isinstance(part, dict)]
            wrong += [f"{kind_of(event)} carries audio" for part in parts if part.get("audio")]
    return wrong


@law(OBSERVED)
def commit_comes_first(lines: Sequence[Line]) -> list[str]:
    """`committed` comes before the item that it makes."""
    added: set[Any] = set()
    wrong = []
    for event in told(lines):
        if kind_of(event) == ITEM_ADDED:
            added.add(item_id(event))
        elif kind_of(event) == "input_audio_buffer.committed" and item_id(event) in added:
            wrong.append(f"{item_id(event)} was added before it was committed")
    return wrong


@law(OBSERVED)
def chain(lines: Sequence[Line]) -> list[str]:
    """`previous_item_id` of what is appended is the last item of the conversation."""
    if any(line.way == "client" and line.event.get("previous_item_id") for line in lines):
        return []
    items: list[Any] = []
    wrong = []
    for event in told(lines):
        if kind_of(event) == ITEM_ADDED:
            last = items[-1] if items else None
            if event.get("previous_item_id") != last:
                wrong.append(f"{item_id(event)} is behind {event.get('previous_item_id')}, but {last} is the last")
            items.append(item_id(event))
        elif kind_of(event) == "conversation.item.deleted" and item_id(event) in items:
            items.remove(item_id(event))
    return wrong


@law(OBSERVED)
def speech_starts_and_stops(lines: Sequence[Line]) -> list[str]:
    """Speech that has started stops, is committed or cleared before it starts again, under the same id."""
    open_id: Any = None
    wrong = []
    for event in told(lines):
        match kind_of(event):
            case "input_audio_buffer.speech_started":
                wrong += [f"speech started again in {open_id}"] if open_id else []
                open_id = item_id(event)
            case "input_audio_buffer.speech_stopped":
                wrong += [] if item_id(event) == open_id else [f"{item_id(event)} stopped, but {open_id} was open"]
                open_id = None
            case "input_audio_buffer.committed" | "input_audio_buffer.cleared" | "session.updated":
                open_id = None
    return wrong


@law(SCHEMA)
def time_goes_on(lines: Sequence[Line]) -> list[str]:
    """Turns start one after the other, and none stops before it has started."""
    starts, wrong = [0], []
    for event in told(lines):
        if kind_of(event) == "input_audio_buffer.speech_started":
            starts.append(event.get("audio_start_ms") or 0)
            wrong += [] if starts[-1] >= starts[-2] else [f"{starts[-1]} ms came after {starts[-2]} ms"]
        elif kind_of(event) == "input_audio_buffer.speech_stopped":
            end = event.get("audio_end_ms") or 0
            wrong += [] if end >= starts[-1] else [f"speech stopped at {end} ms, but started at {starts[-1]} ms"]
    return wrong


@law(OBSERVED)
def words_after_their_item(lines: Sequence[Line]) -> list[str]:
    """Words of what was heard come once its item is there, but from live models; and end once."""
    if any(f'"{model}"' in str(line.event).replace("'", '"') for line in lines for model in LIVE_MODELS):
        return []
    added: set[Any] = set()
    ended: Counter[Any] = Counter()
    wrong = []
    for event in told(lines):
        if kind_of(event) == ITEM_ADDED:
            added.add(item_id(event))
        elif kind_of(event).startswith(HEARD):
            wrong += [] if item_id(event) in added else [f"{kind_of(event)} came before its item"]
            ended[item_id(event)] += kind_of(event).endswith((".completed", ".failed"))
    return [*wrong, *(f"the transcription of {name} ended {n} times" for name, n in ended.items() if n > 1)]


@law(OBSERVED)
def heard_words_add_up(lines: Sequence[Line]) -> list[str]:
    """The deltas of a transcription are its transcript, but for a space in front."""
    pieces: dict[Any, str] = {}
    wrong = []
    for event in told(lines):
        if kind_of(event) == f"{HEARD}.delta":
            pieces[item_id(event)] = pieces.get(item_id(event), "") + str(event.get("delta"))
        elif kind_of(event) == f"{HEARD}.completed" and item_id(event) in pieces:
            together, whole = pieces[item_id(event)].strip(), str(event.get("transcript")).strip()
            wrong += [] if together == whole else [f"the deltas are {together!r}, the transcript is {whole!r}"]
    return wrong
