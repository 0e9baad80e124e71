"""Laws about responses: how they begin and end, and that what comes in pieces adds up."""

import base64
import binascii
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from antiphon.conformance.case import OBSERVED, SCHEMA, law
from antiphon.conformance.invariants.events import Event, is_mcp, item_id, kind_of, part_of, place, response_id, told
from antiphon.recording import Line

CREATED: Final = "response.created"
DONE: Final = "response.done"
STREAMS: Final = {
    "response.output_text": "text",
    "response.output_audio_transcript": "transcript",
    "response.function_call_arguments": "arguments",
}
"""What comes in deltas, and the key of the whole in its `done`."""
FINAL: Final = frozenset({"completed", "cancelled", "failed", "incomplete"})


@law(OBSERVED)
def response_begins(lines: Sequence[Line]) -> list[str]:
    """`response.created` comes before anything else of a response."""
    begun: set[Any] = set()
    wrong = []
    for event in told(lines):
        if kind_of(event) == CREATED:
            begun.add(response_id(event))
        elif response_id(event) is not None and response_id(event) not in begun:
            wrong.append(f"{kind_of(event)} came before response.created of {response_id(event)}")
    return wrong


@law(SCHEMA)
def response_ends(lines: Sequence[Line]) -> list[str]:
    """Nothing of a response comes after its `response.done`, but what is played and what an MCP tool gives."""
    ended: set[Any] = set()
    wrong = []
    for event in told(lines):
        later = kind_of(event).startswith(("output_audio_buffer.", "response.mcp_")) or is_mcp(event)
        if response_id(event) in ended and not later:
            wrong.append(f"{kind_of(event)} came after response.done of {response_id(event)}")
        if kind_of(event) == DONE:
            ended.add(response_id(event))
    return wrong


@law(SCHEMA)
def one_response_at_a_time(lines: Sequence[Line]) -> list[str]:
    """At most one response of the conversation runs at a time."""
    running: set[Any] = set()
    wrong = []
    for event in told(lines):
        if kind_of(event) == CREATED and part_of(event, "response").get("conversation_id") is not None:
            if running:
                wrong.append(f"{response_id(event)} began while {running.pop()} ran")
            running.add(response_id(event))
        elif kind_of(event) == DONE:
            running.discard(response_id(event))
    return wrong


@law(SCHEMA)
def response_status(lines: Sequence[Line]) -> list[str]:
    """A response ends with a final status, whose details are of the same type."""
    wrong = []
    for event in told(lines):
        if kind_of(event) == DONE:
            response = part_of(event, "response")
            status, details = response.get("status"), part_of(response, "status_details")
            if status not in FINAL:
                wrong.append(f"a response ended with the status {status}")
            elif status != "completed" and details.get("type") != status:
                wrong.append(f"the details of a response that is {status} are {details}")
    return wrong


@law(SCHEMA)
def response_tells_its_items(lines: Sequence[Line]) -> list[str]:
    """The output of `response.done` is what was added, in its order, and nothing of it is in progress."""
    added: dict[Any, list[Any]] = {}
    wrong = []
    for event in told(lines):
        if kind_of(event) == "response.output_item.added":
            added.setdefault(response_id(event), []).append(item_id(event))
        elif kind_of(event) == DONE:
            output = [item for item in part_of(event, "response").get("output") or [] if isinstance(item, dict)]
            begun, ids = added.get(response_id(event), []), [item.get("id") for item in output]
            wrong += [f"the items {begun} were added, but the output has {ids}"] if begun != ids else []
            wrong += [
                f"{item.get('id')} is still in progress"
                for item in output
                if item.get("status") == "in_progress" and not str(item.get("type")).startswith("mcp_")
            ]
    return wrong


@law(SCHEMA)
def output_items_end(lines: Sequence[Line]) -> list[str]:
    """Each item of a response that is added is done, once, before the response is."""
    open_items: dict[Any, set[Any]] = {}
    wrong = []
    for event in told(lines):
        items = open_items.setdefault(response_id(event), set())
        if kind_of(event) == "response.output_item.added" and not is_mcp(event):
            items.add(item_id(event))
        elif kind_of(event) == "response.output_item.done" and not is_mcp(event):
            if item_id(event) not in items:
                wrong.append(f"{item_id(event)} is done, but was not open")
            items.discard(item_id(event))
        elif kind_of(event) == DONE and items:
            wrong.append(f"response.done came while {items.pop()} was open")
    return wrong


@law(SCHEMA)
def parts_end(lines: Sequence[Line]) -> list[str]:
    """Each part that is added is done, once, before its item is."""
    open_parts: set[tuple[Any, ...]] = set()
    wrong = []
    for event in told(lines):
        match kind_of(event):
            case "response.content_part.added":
                open_parts.add(place(event))
            case "response.content_part.done" if place(event) not in open_parts:
                wrong.append(f"a part of {item_id(event)} is done, but was not open")
            case "response.content_part.done":
                open_parts.discard(place(event))
            case "response.output_item.done" if any(place[1] == item_id(event) for place in open_parts):
                wrong.append(f"{item_id(event)} is done while a part of it is open")
    return wrong


@law(SCHEMA)
def deltas_in_open_parts(lines: Sequence[Line]) -> list[str]:
    """Deltas of text and sound come only while their part is open."""
    open_parts: set[tuple[Any, ...]] = set()
    wrong = []
    for event in told(lines):
        kind = kind_of(event)
        if kind == "response.content_part.added":
            open_parts.add(place(event))
        elif kind == "response.content_part.done":
            open_parts.discard(place(event))
        elif kind.startswith("response.output_") and kind.endswith(".delta") and place(event) not in open_parts:
            wrong.append(f"{kind} came outside of a part")
    return wrong


def _adds_up(lines: Sequence[Line], base: str) -> Iterator[str]:
    """Whether the deltas of a stream are its whole."""
    pieces: dict[tuple[Any, ...], str] = {}
    for event in told(lines):
        if kind_of(event) == f"{base}.delta":
            pieces[place(event)] = pieces.get(place(event), "") + str(event.get("delta"))
        elif kind_of(event) == f"{base}.done":
            together, whole = pieces.pop(place(event), ""), event.get(STREAMS[base])
            if together != whole:
                yield f"the deltas are {together!r}, the whole is {whole!r}"
        elif kind_of(event) == DONE:
            ended = [place for place in pieces if place[0] == response_id(event)]
            yield from (f"{base}.done is missing for {place[1]}" for place in ended)


@law(SCHEMA)
def text_adds_up(lines: Sequence[Line]) -> list[str]:
    """The deltas of a text are the text."""
    return list(_adds_up(lines, "response.output_text"))


@law(SCHEMA)
def transcript_adds_up(lines: Sequence[Line]) -> list[str]:
    """The deltas of a transcript are the transcript."""
    return list(_adds_up(lines, "response.output_audio_transcript"))


@law(SCHEMA)
def arguments_add_up(lines: Sequence[Line]) -> list[str]:
    """The deltas of a function's arguments are the arguments."""
    return list(_adds_up(lines, "response.function_call_arguments"))


@law(SCHEMA)
def items_hold_what_was_told(lines: Sequence[Line]) -> list[str]:
    """The words of a part are the same in its `done`, in its item, and in the response."""
    words: dict[tuple[Any, ...], Any] = {}
    wrong = []
    for event in told(lines):
        if kind_of(event) in {"response.output_text.done", "response.output_audio_transcript.done"}:
            words[event.get("item_id"), event.get("content_index")] = event.get("text", event.get("transcript"))
        elif kind_of(event) in {"response.output_item.done", DONE}:
            held = [(where, text) for where, text in _words_in(event) if words.get(where, text) != text]
            wrong += [f"{where[0]} holds other words in {kind_of(event)} than it was told with" for where, _ in held]
    return wrong


def _words_in(event: Event) -> Iterator[tuple[tuple[Any, int], Any]]:
    """The words of each part that an event shows, by item and index."""
    items = [part_of(event, "item")] if "item" in event else part_of(event, "response").get("output") or []
    for item in items:
        for index, part in enumerate(item.get("content") or []):
            yield (item.get("id"), index), part.get("text", part.get("transcript"))


@law(SCHEMA)
def sound_decodes(lines: Sequence[Line]) -> list[str]:
    """Deltas of audio are base64, and never empty."""
    wrong = []
    for event in told(lines):
        if kind_of(event) == "response.output_audio.delta":
            try:
                sound = base64.b64decode(str(event.get("delta")), validate=True)
            except binascii.Error:
                sound = b""
            wrong += [] if sound else ["a delta of audio holds no audio"]
    return wrong


@law(OBSERVED)
def sound_ends(lines: Sequence[Line]) -> list[str]:
    """Audio that began is told to be done, once, and no more of it follows."""
    sounding: set[tuple[Any, ...]] = set()
    silent: set[tuple[Any, ...]] = set()
    wrong = []
    for event in told(lines):
        match kind_of(event):
            case "response.output_audio.delta":
                sounding.add(place(event))
                wrong += ["audio came after its end"] if place(event) in silent else []
            case "response.output_audio.done":
                silent.add(place(event))
            case "response.content_part.done" if place(event) in sounding - silent:
                wrong.append("a part with audio is done without response.output_audio.done")
    return wrong


@law(SCHEMA)
def places_count_up(lines: Sequence[Line]) -> list[str]:
    """`output_index` counts the items of a response from 0, `content_index` the parts of an item."""
    items: Counter[Any] = Counter()
    parts: Counter[Any] = Counter()
    wrong = []
    for event in told(lines):
        if kind_of(event) == "response.output_item.added":
            if event.get("output_index") != items[response_id(event)]:
                wrong.append(f"output_index is {event.get('output_index')}, not {items[response_id(event)]}")
            items[response_id(event)] += 1
        elif kind_of(event) == "response.content_part.added":
            if event.get("content_index") != parts[item_id(event)]:
                wrong.append(f"content_index is {event.get('content_index')}, not {parts[item_id(event)]}")
            parts[item_id(event)] += 1
    return wrong


@law(SCHEMA)
def new_names(lines: Sequence[Line]) -> list[str]:
    """No two responses of a session have the same id, and no two items of responses."""
    ids = [
        part_of(event, key).get("id")
        for event in told(lines)
        for kind, key in ((CREATED, "response"), ("response.output_item.added", "item"))
        if kind_of(event) == kind
    ]
    return [f"{name} was given {n} times" for name, n in Counter(ids).items() if n > 1]


@law(SCHEMA)
def usage_adds_up(lines: Sequence[Line]) -> list[str]:
    """Tokens in and out are the total, and their details do not exceed them."""
    wrong = []
    for event in told(lines):
        usage = part_of(part_of(event, "response"), "usage")
        if kind_of(event) == DONE and usage:
            counts = [usage.get(key) or 0 for key in ("input_tokens", "output_tokens", "total_tokens")]
            if counts[0] + counts[1] != counts[2]:
                wrong.append(f"{counts[0]} in and {counts[1]} out are not {counts[2]}")
            details = part_of(usage, "input_token_details")
            if sum(details.get(key) or 0 for key in ("text_tokens", "audio_tokens", "image_tokens")) > counts[0]:
                wrong.append(f"the details {details} are more than {counts[0]} tokens")
    return wrong
