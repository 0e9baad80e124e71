// What happened, folded from events: the conversation, its turns with their times, the session. No page, no sound.
// Times are milliseconds of the page's own clock.

const QUIET_GUESS_MS = 500; // the protocol's default silence, where the session does not say
const SPEECH_MS_PER_CHARACTER = 65; // where nobody says how long an answer is

export class Story {
  constructor() {
    this.items = new Map();
    this.turns = [];
    this.session = null;
    this.spans = []; // when the server held somebody to be speaking: { from, to }
    this.scores = []; // [time, probability]
    this.drafts = [];
    this.asked = null;
    this.silences = new Map(); // what the server observed of turns and responses: it may come before their events
    this.ended = new Map();
    this.offset = Infinity; // page clock minus server clock
  }

  get threshold() {
    const detection = this.session?.audio?.input?.turn_detection;
    return detection?.type === "server_vad" ? (detection.threshold ?? 0.5) : detection ? 0.5 : null;
  }

  get silenceMs() {
    return this.session?.audio?.input?.turn_detection?.silence_duration_ms ?? QUIET_GUESS_MS;
  }

  get isSpeaking() {
    return this.spans.length > 0 && this.spans.at(-1).to === null;
  }

  /** One event; `way` is "client" or "server". */
  fold(event, way, now) {
    if (way === "client") this.#sent(event, now);
    else FOLDS[event.type]?.(this, event, now);
  }

  #sent(event, now) {
    if (event.type === "response.create" || event.type === "input_audio_buffer.commit") this.asked = now;
  }

  /** A private observation of the server. */
  observe(observation, now, timeOfPosition) {
    if (observation.at !== undefined) this.offset = Math.min(this.offset, now - observation.at * 1000);
    if (observation.kind === "Scored") {
      const last = observation.frames.at(-1)?.[0];
      for (const [end, speech] of observation.frames) this.scores.push([timeOfPosition?.(end) ?? now - (last - end), speech]);
      if (this.scores.length > 4000) this.scores.splice(0, 1000);
    } else if (observation.kind === "DraftEnded") {
      const to = observation.at * 1000 + this.offset;
      this.#drafted({ from: to - observation.seconds * 1000, to, kept: observation.was_kept });
    } else if (observation.kind === "TurnEnded" && observation.silence_ms !== null) {
      this.silences.set(observation.item_id, observation.silence_ms);
      const turn = this.turns.find((one) => one.itemId === observation.item_id);
      if (turn?.stoppedAt) turn.spokenAt = turn.stoppedAt - observation.silence_ms;
    } else if (observation.kind === "ResponseEnded") {
      const ended = { engine: this.#engine(observation.work), audioMs: observation.audio_ms };
      this.ended.set(observation.response_id, ended);
      const turn = this.turns.find((one) => one.responseId === observation.response_id);
      if (turn) turn.engine = ended.engine;
    }
  }

  /** When the engines were at work, on the page's clock. */
  #engine({ began, first_token, first_audio }) {
    const here = (seconds) => (seconds === null ? null : seconds * 1000 + this.offset);
    return { began: here(began), token: here(first_token), audio: here(first_audio) };
  }

  #drafted(draft) {
    const turn = this.turns.findLast((one) => one.startedAt !== null && one.startedAt <= draft.from);
    turn?.drafts.push(draft);
  }

  item(id, make, previous) {
    let item = this.items.get(id);
    if (item) return item;
    item = { id, role: "assistant", kind: "message", text: "", state: "open", at: 0, audioMs: 0, heardMs: null, responseId: null, ...make };
    this.items.set(id, item);
    if (previous && this.items.has(previous) && [...this.items.keys()].at(-2) !== previous) this.#moveAfter(id, previous);
    return item;
  }

  #moveAfter(id, previous) {
    const moved = this.items.get(id);
    const rows = [...this.items].filter(([key]) => key !== id);
    rows.splice(rows.findIndex(([key]) => key === previous) + 1, 0, [id, moved]);
    this.items = new Map(rows);
  }

  turnOf(itemId) {
    return this.turns.find((turn) => turn.itemId === itemId) ?? this.#turn({ itemId });
  }

  turnAnswering(responseId) {
    const found = this.turns.find((turn) => turn.responseId === responseId);
    if (found) return found;
    const waiting = this.turns.findLast((turn) => turn.isCommitted && !turn.responseId) ?? this.#turn({ zero: this.asked });
    waiting.responseId = responseId;
    waiting.askedId = waiting.itemId ?? this.#typed();
    waiting.engine = this.ended.get(responseId)?.engine ?? null;
    return waiting;
  }

  #turn(known) {
    const times = { startedAt: null, spokenAt: null, stoppedAt: null, transcriptAt: null, tokenAt: null, audioAt: null, playedAt: null, doneAt: null };
    const turn = { number: this.turns.length + 1, itemId: null, askedId: null, responseId: null, isCommitted: false, status: "open", drafts: [], engine: null, zero: null, ...times, ...known };
    this.turns.push(turn);
    return turn;
  }

  /** The message that nobody has answered yet. */
  #typed() {
    const answered = new Set(this.turns.map((turn) => turn.askedId));
    return [...this.items.values()].findLast((item) => item.isTyped && !answered.has(item.id))?.id ?? null;
  }

  /** Where a turn's clock starts: the end of speech, or the moment somebody asked. */
  zeroOf(turn) {
    return turn.spokenAt ?? turn.stoppedAt ?? turn.zero ?? turn.tokenAt ?? turn.audioAt;
  }

  /** How many characters of an interrupted answer were heard; null when all was. */
  heardCharacters(item) {
    if (item.heardMs === null) return null;
    const total = this.ended.get(item.responseId)?.audioMs || item.audioMs || item.text.length * SPEECH_MS_PER_CHARACTER;
    const near = Math.min(item.text.length, Math.round((item.text.length * item.heardMs) / Math.max(1, total)));
    const space = item.text.indexOf(" ", near);
    return near === 0 ? 0 : space === -1 ? item.text.length : space;
  }

  speechEnd(now) {
    const threshold = this.threshold ?? 0.5;
    const from = this.spans.at(-1)?.from ?? 0;
    const voiced = this.scores.findLast(([at, speech]) => at <= now && speech >= threshold);
    return voiced && voiced[0] >= from - 1000 ? voiced[0] : now - this.silenceMs;
  }

  played(itemId, now) {
    const item = this.items.get(itemId);
    const turn = item && this.turns.find((one) => one.responseId === item.responseId);
    if (turn) turn.playedAt ??= now;
  }
}

const words = (item) => (item.content ?? []).map((part) => part.text ?? part.transcript ?? (part.type === "input_image" ? "[image]" : "")).join(" ").trim();

function added(story, { item, previous_item_id: previous }, now) {
  const known = { role: item.role ?? "tool", kind: item.type, at: now };
  const row = story.item(item.id, known, previous);
  Object.assign(row, { role: known.role, kind: known.kind, name: item.name, callId: item.call_id, server: item.server_label });
  row.text = words(item) || item.output || row.text;
  row.arguments = item.arguments || row.arguments;
  if (item.role === "user" && !story.turns.some((turn) => turn.itemId === item.id)) row.isTyped = true;
}

function done(story, { item }, now) {
  added(story, { item }, now);
  const row = story.items.get(item.id);
  if (row.state === "open" && item.status !== "in_progress") row.state = item.status === "incomplete" ? "cut" : "done";
}

function answering(story, event, now) {
  const row = story.item(event.item_id, { at: now });
  row.responseId = event.response_id;
  return row;
}

function token(story, event, now) {
  answering(story, event, now).text += event.delta;
  story.turnAnswering(event.response_id).tokenAt ??= now;
}

function cut(row) {
  if (row.kind === "message" && row.state !== "done") row.state = "cut";
}

const FOLDS = {
  "session.created": (story, { session }) => (story.session = session),
  "session.updated": (story, { session }) => (story.session = session),
  "input_audio_buffer.speech_started": (story, event, now) => {
    story.spans.push({ from: now, to: null });
    if (story.spans.length > 200) story.spans.shift();
    story.item(event.item_id, { role: "user", at: now, state: "hearing" });
    story.turnOf(event.item_id).startedAt = now;
  },
  "input_audio_buffer.speech_stopped": (story, event, now) => {
    const turn = story.turnOf(event.item_id);
    const silence = story.silences.get(event.item_id);
    turn.spokenAt = silence === undefined ? story.speechEnd(now) : now - silence;
    turn.stoppedAt = now;
    if (story.isSpeaking) story.spans.at(-1).to = now;
  },
  "input_audio_buffer.committed": (story, event, now) => {
    if (story.isSpeaking) story.spans.at(-1).to = now;
    const row = story.item(event.item_id, { role: "user", at: now }, event.previous_item_id);
    row.state = "open";
    const turn = story.turnOf(event.item_id);
    turn.isCommitted = true;
    turn.zero ??= story.asked;
    turn.stoppedAt ??= now;
  },
  "input_audio_buffer.cleared": (story, event, now) => {
    if (story.isSpeaking) story.spans.at(-1).to = now;
  },
  "conversation.item.added": added,
  "conversation.item.created": added,
  "conversation.item.done": done,
  "conversation.item.deleted": (story, { item_id }) => story.items.delete(item_id),
  "conversation.item.truncated": (story, event) => {
    const row = story.items.get(event.item_id);
    if (!row) return;
    row.heardMs = event.audio_end_ms;
    row.state = "cut";
  },
  "conversation.item.input_audio_transcription.delta": (story, event, now) => {
    story.item(event.item_id, { role: "user", at: now }).text += event.delta ?? "";
  },
  "conversation.item.input_audio_transcription.completed": (story, event, now) => {
    const row = story.item(event.item_id, { role: "user", at: now });
    row.text = event.transcript;
    row.state = "done";
    row.isSilent = !event.transcript.trim();
    story.turnOf(event.item_id).transcriptAt ??= now;
  },
  "conversation.item.input_audio_transcription.failed": (story, event, now) => {
    const row = story.item(event.item_id, { role: "user", at: now });
    row.state = "failed";
    row.problem = event.error?.message;
    story.turnOf(event.item_id).transcriptAt ??= now;
  },
  "response.created": (story, { response }) => {
    if (response.conversation_id !== null) story.turnAnswering(response.id);
  },
  "response.output_item.added": (story, event, now) => {
    added(story, event, now);
    story.items.get(event.item.id).responseId = event.response_id;
  },
  "response.output_item.done": (story, event, now) => done(story, event, now),
  "response.output_text.delta": token,
  "response.output_audio_transcript.delta": token,
  "response.output_audio.delta": (story, event, now) => {
    const row = answering(story, event, now);
    row.audioMs += (event.delta.length * 3) / 4 / 48;
    story.turnAnswering(event.response_id).audioAt ??= now;
  },
  "output_audio_buffer.started": (story, event, now) => {
    const turn = story.turnAnswering(event.response_id);
    turn.audioAt ??= now;
    turn.playedAt ??= now;
  },
  "response.function_call_arguments.delta": (story, event, now) => {
    story.turnAnswering(event.response_id).tokenAt ??= now;
  },
  "response.done": (story, { response }, now) => {
    const turn = story.turns.find((one) => one.responseId === response.id);
    if (turn) Object.assign(turn, { doneAt: now, status: response.status, usage: response.usage, reason: response.status_details?.reason });
    if (response.status === "cancelled") {
      for (const row of story.items.values()) if (row.responseId === response.id) cut(row);
    }
    if (response.status === "failed") {
      const problem = response.status_details?.error?.message ?? "The response failed.";
      if (turn) turn.problem = problem;
      const id = `failed_${response.id}`;
      story.item(id, { at: now, state: "failed", problem, responseId: response.id });
    }
  },
};
