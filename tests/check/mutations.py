"""For each case a server that breaks its rule, and no more than can be helped."""

import base64
from collections.abc import Callable
from typing import Any

from broken_server import (
    Event,
    Mutation,
    adds,
    changed,
    chooses,
    closes,
    deaf,
    drops,
    hears,
    hears_instead,
    lacks,
    overhears,
    placed,
    repeats,
    replies,
    says,
    sets,
    swaps,
    without,
)

CREATED, UPDATED, UPDATE = "session.created", "session.updated", "session.update"
CREATE, ADDED, DONE = "conversation.item.create", "conversation.item.added", "conversation.item.done"
RETRIEVED, TRUNCATED = "conversation.item.retrieved", "conversation.item.truncated"
APPEND, COMMIT, CLEAR = "input_audio_buffer.append", "input_audio_buffer.commit", "input_audio_buffer.clear"
COMMITTED, CLEARED = "input_audio_buffer.committed", "input_audio_buffer.cleared"
STARTED, STOPPED = "input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped"
ASKED, BEGUN, ENDED = "response.create", "response.created", "response.done"
OUTPUT, OUTPUT_DONE = "response.output_item.added", "response.output_item.done"
PART, PART_DONE = "response.content_part.added", "response.content_part.done"
TEXT, TEXT_DONE = "response.output_text.delta", "response.output_text.done"
SOUND, SOUND_DONE = "response.output_audio.delta", "response.output_audio.done"
WORDS, WORDS_DONE = "response.output_audio_transcript.delta", "response.output_audio_transcript.done"
ARGUMENTS, ARGUMENTS_DONE = "response.function_call_arguments.delta", "response.function_call_arguments.done"
HEARD = "conversation.item.input_audio_transcription"
HEARD_DELTA, HEARD_DONE, UNHEARD = f"{HEARD}.delta", f"{HEARD}.completed", f"{HEARD}.failed"
DETECTION = "session.audio.input.turn_detection"
RESPONSE = "response.create"

OTHER = "item_other"
SECOND = base64.b64encode(bytes(48_000)).decode()
"""A second of audio."""

wrong_code = sets("error", "error.code", "some_other_code")
wrong_param = sets("error", "error.param", "somewhere.else")
wrong_message = sets("error", "error.message", "No.")
fails = sets(ENDED, "response.status", "failed")


def after(make: Event, *, where: Callable[[Event], bool] = lambda _: True) -> Callable[[Event], list[Event]]:
    """The event, and another one after it."""
    return lambda event: [event, make] if where(event) else [event]


def beforehand(**session: Any) -> Callable[[Event], list[Event]]:
    """An update of the session before the event."""
    return lambda event: [{"type": UPDATE, "session": {"type": "realtime", **session}}, event]


def without_first(path: str) -> Callable[[Event], list[Event]]:
    """The event without what is wrong with it, and then as it is."""
    return lambda event: [mended, event] if (mended := without(event, path)) != event else [event]


def answering_outputs(event: Event) -> list[Event]:
    is_output = event["item"]["type"] == "function_call_output"
    return [event, {"type": ASKED}] if is_output else [event]


def with_object(event: Event) -> list[Event]:
    return [placed(event, "item.object", "realtime.item")]


def begun_twice(event: Event) -> list[Event]:
    other = {**changed(event, "response.id", "resp_other"), "event_id": "event_other"}
    return [event, other]


def later(event: Event) -> list[Event]:
    return [event, {"type": TEXT, "event_id": "event_late", "response_id": event["response"]["id"], "delta": "x"}]


MUTATIONS: dict[str, Mutation] = {
    # connect
    "connect.first_event": adds(CREATED, {"type": "conversation.created"}, before=True),
    "connect.whole_session": lacks(CREATED, "session.prompt"),
    "connect.kind_of_session": sets(CREATED, "session.id", "session_1"),
    "connect.defaults": sets(CREATED, f"{DETECTION}.interrupt_response", value=False),
    "connect.expires_later": sets(CREATED, "session.expires_at", 1),
    "connect.own_session": sets(CREATED, "session.id", "sess_same"),
    "connect.early_events": sets(ADDED, "item.id", "item_check_early_2"),
    "connect.no_model": closes(1000),
    "connect.unknown_model": wrong_code,
    "connect.bad_intent": wrong_code,
    "connect.reason": closes(reason="bye"),
    "connect.subprotocol": chooses(None),
    # auth
    "auth.wrong_key": closes(4000),
    "auth.no_key": wrong_message,
    "auth.reason": closes(reason="invalid_request_error"),
    "auth.key_in_subprotocol": chooses(None),
    "auth.wrong_key_in_subprotocol": wrong_code,
    "auth.key_is_not_told": sets("error", "error.message", "Wrong: sk-check-0000000000000000000000000000."),
    "auth.rest_needs_a_key": replies(403),
    # session
    "session.whole": lacks(UPDATED, "session.tools"),
    "session.changes_what_it_names": sets(UPDATED, "session.tool_choice", "none"),
    "session.merges": sets(UPDATED, "session.audio.output.speed", 1.0, after=1),
    "session.completes_detection": lacks(UPDATED, f"{DETECTION}.threshold"),
    "session.keeps_detection": sets(UPDATED, f"{DETECTION}.silence_duration_ms", 500),
    "session.semantic_detection": sets(UPDATED, f"{DETECTION}.eagerness", "auto"),
    "session.no_detection": hears(UPDATE, DETECTION, {"type": "server_vad"}),
    "session.clears": sets(UPDATED, "session.instructions", "Be brief."),
    "session.keeps_tools": sets(UPDATED, "session.tools", []),
    "session.shows_transcription": lacks(UPDATED, "session.audio.input.transcription.prompt"),
    "session.formats": sets(UPDATED, "session.audio.input.format", {"type": "audio/pcm", "rate": 24_000}),
    "session.text_modality": sets(UPDATED, "session.output_modalities", ["audio"]),
    "session.output_limit": sets(UPDATED, "session.max_output_tokens", "inf"),
    "session.needs_type": hears(UPDATE, "session.type", "realtime"),
    "session.unknown_key": wrong_param,
    "session.unknown_tool_key": wrong_param,
    "session.all_or_nothing": hears_instead(UPDATE, without_first("session.bogus")),
    "session.low_rate": wrong_code,
    "session.unknown_value": wrong_param,
    "session.null_flag": wrong_code,
    "session.high_speed": wrong_code,
    "session.both_modalities": wrong_code,
    "session.own_id": sets(UPDATED, "session.id", "sess_of_the_client"),
    "session.other_kind": wrong_code,
    "session.voice_is_fixed": wrong_code,
    # items
    "items.added_and_done": drops(ADDED),
    "items.own_id": sets(ADDED, "item.id", OTHER),
    "items.given_id": sets(ADDED, "item.id", lambda name: name.replace("item_", "msg_")),
    "items.no_object": says(ADDED, with_object),
    "items.own_status": sets(ADDED, "item.status", "incomplete"),
    "items.first_has_none_in_front": sets(ADDED, "previous_item_id", "root"),
    "items.appended": sets(ADDED, "previous_item_id", None),
    "items.at_the_head": overhears(CREATE, "previous_item_id"),
    "items.in_between": overhears(CREATE, "previous_item_id"),
    "items.behind_nothing": overhears(CREATE, "previous_item_id"),
    "items.long_id": hears(CREATE, "item.id", lambda name: name[:32]),
    "items.retrieved": sets(RETRIEVED, "item.id", OTHER),
    "items.retrieves_nothing": wrong_code,
    "items.deleted": sets("conversation.item.deleted", "item_id", OTHER),
    "items.deletes_nothing": wrong_code,
    "items.closes_the_gap": sets(ADDED, "previous_item_id", "item_check_c", after=3),
    "items.starts_nothing": hears_instead(CREATE, after({"type": ASKED})),
    "items.other_roles": sets(ADDED, "item.role", "user"),
    "items.content_of_another_role": wrong_param,
    "items.audio_when_retrieved": lacks(RETRIEVED, "item.content.0.audio"),
    "items.no_output_audio": wrong_param,
    # buffer
    "buffer.committed": swaps(COMMITTED, ADDED),
    "buffer.heard_item": sets(ADDED, "item.content.0.transcript", ""),
    "buffer.in_the_chain": sets(COMMITTED, "previous_item_id", None),
    "buffer.nothing_to_commit": wrong_code,
    "buffer.too_little": sets("error", "error.message", "buffer too small."),
    "buffer.counts_from_the_last": hears_instead(APPEND, lambda event: [event, event]),
    "buffer.kept_after_a_refusal": hears_instead(COMMIT, after({"type": CLEAR})),
    "buffer.cleared": drops(CLEARED),
    "buffer.append_is_silent": hears_instead(APPEND, after({"type": CLEAR})),
    "buffer.commit_starts_nothing": hears_instead(COMMIT, after({"type": ASKED})),
    "buffer.turn_by_hand": fails,
    "buffer.heard_again": sets(RETRIEVED, "item.content.0.audio", SECOND),
    "buffer.no_base64": hears(APPEND, "audio", SECOND),
    "buffer.no_bytes": hears(APPEND, "audio", SECOND),
    "buffer.telephone_audio": overhears(UPDATE, "session.audio.input.format"),
    # vad
    "vad.turn": swaps(STOPPED, COMMITTED),
    "vad.one_id": sets(STOPPED, "item_id", OTHER),
    "vad.began": sets(STARTED, "audio_start_ms", 0),
    "vad.ended": sets(STOPPED, "audio_end_ms", lambda ms: ms - 1000),
    "vad.silence_before_is_left_out": sets(RETRIEVED, "item.content.0.audio", SECOND.replace("=", "") * 8),
    "vad.answers": hears(UPDATE, f"{DETECTION}.create_response", value=False),
    "vad.does_not_answer": hears(UPDATE, f"{DETECTION}.create_response", value=True),
    "vad.switched_off": hears(UPDATE, DETECTION, {"type": "server_vad", "silence_duration_ms": 500}),
    "vad.hears_no_silence": adds(UPDATED, {"type": STARTED, "audio_start_ms": 0, "item_id": OTHER}),
    "vad.turn_by_turn": sets(COMMITTED, "previous_item_id", None),
    "vad.commit_by_hand": adds(COMMITTED, {"type": STOPPED, "audio_end_ms": 0, "item_id": ...}, before=True),
    "vad.clear_drops_the_turn": adds(CLEARED, {"type": COMMITTED, "item_id": OTHER, "previous_item_id": None}),
    "vad.semantic": swaps(STOPPED, COMMITTED),
    "vad.idle": sets("input_audio_buffer.timeout_triggered", "item_id", OTHER),
    # responses
    "responses.written_sequence": swaps(TEXT_DONE, PART_DONE),
    "responses.spoken_sequence": swaps(SOUND_DONE, WORDS_DONE),
    "responses.spoken_deltas": drops(WORDS),
    "responses.whole_object": lacks(ENDED, "response.metadata"),
    "responses.created": sets(BEGUN, "response.status", "queued"),
    "responses.done": sets(ENDED, "response.status_details", {}),
    "responses.item_begins_empty": sets(ADDED, "item.status", "completed"),
    "responses.text_names": sets(PART, "part.type", "output_text"),
    "responses.audio_names": sets(ENDED, "response.output.0.content.0.type", "audio"),
    "responses.usage": sets(ENDED, "response.usage.input_tokens", 0),
    "responses.one_conversation": sets(ENDED, "response.conversation_id", "conv_other", after=1),
    "responses.metadata": sets(ENDED, "response.metadata", None),
    "responses.session_modality": overhears(UPDATE, "session.output_modalities"),
    "responses.own_modality": hears(ASKED, "response.output_modalities", ["audio"]),
    "responses.own_instructions": hears_instead(ASKED, beforehand(instructions="Be polite.")),
    "responses.limited": sets(ENDED, "response.status", "completed"),
    "responses.one_at_a_time": wrong_code,
    "responses.without_waiting": sets(ADDED, "item.id", OTHER),
    "responses.retrieved": sets(RETRIEVED, "item.content.0.text", ""),
    "responses.retrieved_sound": lacks(RETRIEVED, "item.content.0.audio"),
    "responses.own_input": adds(BEGUN, {"type": ADDED, "item": {"id": OTHER, "role": "user"}}),
    "responses.reference": hears(ASKED, "response.input.0.id", OTHER),
    "responses.telephone_audio": overhears(ASKED, "response.audio"),
    "responses.unknown_key": wrong_code,
    "responses.unknown_modality": wrong_code,
    "responses.too_much_metadata": overhears(ASKED, "response.metadata"),
    "responses.no_temperature": wrong_code,
    # tools
    "tools.call_sequence": swaps(ARGUMENTS_DONE, OUTPUT_DONE),
    "tools.call_item": sets(OUTPUT_DONE, "item.status", "incomplete"),
    "tools.named_function": sets(ENDED, "response.output.0.name", "other"),
    "tools.arguments_name_the_function": sets(ARGUMENTS_DONE, "name", ""),
    "tools.arguments_are_json": sets(ARGUMENTS_DONE, "arguments", "city=Oslo"),
    "tools.call_id": sets(ARGUMENTS_DONE, "call_id", "call 1"),
    "tools.output_waits": hears_instead(CREATE, answering_outputs),
    "tools.answers_the_output": sets(ENDED, "response.output.0.type", "other", after=1),
    "tools.output_of_no_call": wrong_code,
    "tools.call_of_the_client": sets(ADDED, "item.call_id", "call_other"),
    "tools.call_gets_an_id": sets(ADDED, "item.call_id", ""),
    "tools.required": overhears(UPDATE, "session.tool_choice"),
    "tools.none": overhears(UPDATE, "session.tool_choice"),
    "tools.own_tools": hears_instead(ASKED, beforehand(tools=[{"type": "function", "name": "other"}])),
    "tools.flat": hears(UPDATE, "session.tools", []),
    # out of band
    "out_of_band.leaves_no_item": adds(OUTPUT, {"type": ADDED, "previous_item_id": None, "item": ...}),
    "out_of_band.no_conversation": sets(ENDED, "response.conversation_id", "conv_1"),
    "out_of_band.not_in_the_chain": sets(ADDED, "previous_item_id", OTHER, after=1),
    "out_of_band.told_by_metadata": sets(ENDED, "response.metadata", None),
    "out_of_band.empty_context": fails,
    "out_of_band.beside_another": adds(BEGUN, {"type": "error", "error": {"type": "", "message": "No."}}),
    "out_of_band.two_at_once": sets(ENDED, "response.id", "resp_same"),
    "out_of_band.cancelled_by_id": overhears("response.cancel", "response_id"),
    "out_of_band.not_cancelled_without_id": sets(ENDED, "response.status", "cancelled"),
    "out_of_band.not_interrupted": sets(ENDED, "response.status", "cancelled"),
    # cancel
    "cancel.cancelled": sets(ENDED, "response.status_details.reason", "turn_detected"),
    "cancel.closes_what_is_open": drops(TEXT_DONE),
    "cancel.closes_sound": drops(SOUND_DONE),
    "cancel.item_is_incomplete": sets(ENDED, "response.output.0.status", "completed"),
    "cancel.usage": sets(ENDED, "response.usage", None),
    "cancel.nothing_after": adds(ENDED, {"type": SOUND, "delta": "AAAA"}),
    "cancel.cancelled_by_id": sets(ENDED, "response.status", "incomplete"),
    "cancel.nothing_to_cancel": wrong_code,
    "cancel.goes_on": sets(ENDED, "response.status", "failed", after=1),
    "cancel.barge_in": sets(ENDED, "response.status_details.reason", "client_cancelled"),
    "cancel.speech_comes_first": swaps(STARTED, ENDED),
    "cancel.goes_on_talking": hears(UPDATE, f"{DETECTION}.interrupt_response", value=True),
    # truncation
    "truncation.truncated": sets(TRUNCATED, "audio_end_ms", 0),
    "truncation.words_are_gone": says(RETRIEVED, lambda event: [placed(event, "item.content.0.transcript", "Hello.")]),
    "truncation.sound_is_cut": sets(RETRIEVED, "item.content.0.audio", SECOND),
    "truncation.unknown_item": wrong_code,
    "truncation.too_long": wrong_code,
    "truncation.not_spoken": deaf("conversation.item.truncate"),
    "truncation.needs_a_time": wrong_param,
    "truncation.whole_milliseconds": wrong_code,
    "truncation.goes_on": sets(ADDED, "previous_item_id", None, after=2),
    # transcription
    "transcription.completed": sets(HEARD_DONE, "item_id", OTHER),
    "transcription.deltas": sets(HEARD_DELTA, "delta", "x"),
    "transcription.one_delta": repeats(HEARD_DELTA),
    "transcription.usage_in_tokens": sets(HEARD_DONE, "usage.type", "duration"),
    "transcription.usage_in_seconds": sets(HEARD_DONE, "usage.type", "tokens"),
    "transcription.kept_in_the_item": sets(RETRIEVED, "item.content.0.transcript", None),
    "transcription.only_when_asked": adds(DONE, {"type": HEARD_DONE, "item_id": OTHER, "transcript": "Hello."}),
    "transcription.silence_is_no_error": sets(HEARD_DONE, "type", UNHEARD),
    "transcription.words_before_the_commit": sets(HEARD_DELTA, "item_id", OTHER),
    "transcription.session": sets(CREATED, "session.object", "realtime.session"),
    "transcription.session_only_listens": says(UPDATED, lambda event: [placed(event, "session.tools", [])]),
    "transcription.turn": adds(HEARD_DONE, {"type": BEGUN, "response": {"id": "resp_1"}}),
    "transcription.no_responses": deaf(ASKED),
    "transcription.other_kind": wrong_code,
    "transcription.live_without_detection": wrong_param,
    # dialects
    "dialects.beta": lacks(CREATED, "session.modalities"),
    "dialects.beta_session": lacks(CREATED, "session.temperature"),
    "dialects.beta_defaults": sets(CREATED, "session.temperature", 1.0),
    "dialects.beta_update": sets(UPDATED, "session.input_audio_format", "pcm16"),
    "dialects.beta_item": repeats("conversation.item.created"),
    "dialects.beta_text": sets("response.text.delta", "type", TEXT),
    "dialects.beta_audio": drops("response.audio_transcript.delta"),
    "dialects.beta_names_alone": adds("conversation.item.created", {"type": DONE, "item": ...}),
    "dialects.no_ga_in_beta": wrong_code,
    "dialects.no_beta_in_ga": wrong_code,
    "dialects.beta_transcription": sets(
        "transcription_session.updated", "session.input_audio_transcription.model", "other"
    ),
    "dialects.no_beta_event_in_ga": wrong_param,
    "dialects.no_call_event_over_websocket": wrong_param,
    # rest
    "rest.secret": replies(path="value", value="sk_1"),
    "rest.life": replies(path="expires_at", value=lambda end: end + 600),
    "rest.default_life": replies(path="expires_at", value=lambda end: end + 600),
    "rest.life_has_limits": replies(200),
    "rest.shows_the_session": replies(path="session.instructions", value=""),
    "rest.opens_a_session": sets(CREATED, "session.instructions", ""),
    "rest.may_be_overridden": sets(UPDATED, "session.instructions", "Be brief."),
    "rest.opens_a_transcription": sets(CREATED, "session.type", "realtime"),
    "rest.unknown_key": replies(path="error.code", value="invalid_value"),
    "rest.no_json": replies(500),
    "rest.live_without_detection": replies(path="error.code", value="unknown_parameter"),
    # errors
    "errors.no_json": wrong_message,
    "errors.binary_frame": wrong_code,
    "errors.unknown_type": wrong_param,
    "errors.types_listed": wrong_message,
    "errors.no_type": Mutation(raw=lambda message: None if "check_1" in message.get("text", "") else message),
    "errors.no_type_code": wrong_code,
    "errors.unknown_key": wrong_param,
    "errors.missing_key": wrong_param,
    "errors.wrong_type": wrong_code,
    "errors.shape": lacks("error", "error.param"),
    "errors.names_the_event": sets("error", "error.event_id", None),
    "errors.success_names_nothing": sets(UPDATED, "event_id", "check_8"),
    "errors.long_event_id": hears(CLEAR, "event_id", "short"),
    "errors.goes_on": drops(ADDED),
    "errors.changes_nothing": hears_instead(CREATE, without_first("item.bogus")),
}
"""By the case that must fail."""

LAWS: dict[str, tuple[str, Mutation]] = {
    "ordering.event_ids": ("responses.written_sequence", lacks(BEGUN, "event_id")),
    "ordering.one_dialect": ("items.appended", adds(DONE, {"type": "conversation.item.created", "item": ...})),
    "ordering.error_shape": ("errors.unknown_key", lacks("error", "error.message")),
    "ordering.items_are_added_then_done": ("items.appended", drops(ADDED)),
    "ordering.no_audio_in_items": (
        "items.appended",
        says(ADDED, lambda event: [placed(event, "item.content.0.audio", SECOND)]),
    ),
    "ordering.commit_comes_first": ("buffer.in_the_chain", swaps(COMMITTED, ADDED)),
    "ordering.chain": ("items.appended", sets(ADDED, "previous_item_id", None)),
    "ordering.speech_starts_and_stops": ("vad.turn", sets(STOPPED, "item_id", OTHER)),
    "ordering.time_goes_on": ("vad.turn", sets(STOPPED, "audio_end_ms", 0)),
    "ordering.words_after_their_item": ("transcription.deltas", swaps(ADDED, HEARD_DELTA)),
    "ordering.heard_words_add_up": ("transcription.deltas", sets(HEARD_DELTA, "delta", "x")),
    "ordering.response_begins": ("responses.written_sequence", swaps(BEGUN, OUTPUT)),
    "ordering.response_ends": ("responses.one_conversation", says(ENDED, later)),
    "ordering.one_response_at_a_time": ("responses.written_sequence", says(BEGUN, begun_twice)),
    "ordering.response_status": ("responses.written_sequence", sets(ENDED, "response.status", "ended")),
    "ordering.response_tells_its_items": ("responses.written_sequence", sets(ENDED, "response.output", [])),
    "ordering.output_items_end": ("responses.written_sequence", drops(OUTPUT_DONE)),
    "ordering.parts_end": ("responses.written_sequence", drops(PART_DONE)),
    "ordering.deltas_in_open_parts": ("responses.written_sequence", drops(PART)),
    "ordering.text_adds_up": ("responses.written_sequence", sets(TEXT, "delta", "x")),
    "ordering.transcript_adds_up": ("responses.spoken_sequence", sets(WORDS, "delta", "x")),
    "ordering.arguments_add_up": ("tools.call_sequence", sets(ARGUMENTS, "delta", "x")),
    "ordering.items_hold_what_was_told": (
        "responses.written_sequence",
        sets(ENDED, "response.output.0.content.0.text", "other"),
    ),
    "ordering.sound_decodes": ("responses.spoken_sequence", sets(SOUND, "delta", "*")),
    "ordering.sound_ends": ("responses.spoken_sequence", drops(SOUND_DONE)),
    "ordering.places_count_up": ("responses.written_sequence", sets(OUTPUT, "output_index", 3)),
    "ordering.new_names": ("responses.one_conversation", sets(OUTPUT, "item.id", OTHER)),
    "ordering.usage_adds_up": ("responses.written_sequence", sets(ENDED, "response.usage.total_tokens", 1)),
}
"""By the law that must be broken: the scene whose trace shows it."""
