// The console: one session at a time, and everything that shows it.

import { NoMicrophone, microphone } from "./audio.js";
import { $, kept, toast } from "./dom.js";
import { Editor } from "./editor.js";
import { Events } from "./events.js";
import { Tape } from "./export.js";
import { Sender } from "./send.js";
import { Keys } from "./keys.js";
import { Server } from "./server.js";
import { Story } from "./story.js";
import { Strip } from "./strip.js";
import { Tabs, theme } from "./furniture.js";
import { Tools } from "./tools.js";
import { Transcript } from "./transcript.js";
import { Turns } from "./turns.js";
import { CallWire, SocketWire, watch } from "./wires.js";

const ANCHORS = 600; // pieces whose place in time is known: 24 s
const QUIET = 0.004; // a level that is no sound
const PAUSE_MS = 400;

class App {
  constructor() {
    this.keys = new Keys(() => this.server.look());
    this.phase = "idle";
    this.isTouched = window.matchMedia("(pointer: coarse)").matches;
    this.story = new Story();
    this.tape = new Tape();
    this.anchors = [];
    this.sentMs = 0;
    this.transcript = new Transcript(this.story);
    this.turns = new Turns(this.story);
    this.strip = new Strip($("#strip"), this.story);
    this.events = new Events();
    this.editor = new Editor({ changed: (part) => this.#update(part), threshold: (value) => this.strip.showThreshold(value) });
    this.tools = new Tools({ changed: (tools) => this.#update({ type: "realtime", tools }), answer: (call, output, isLast) => this.#answerCall(call, output, isLast) });
    this.sender = new Sender((event) => this.wire?.send(event) ?? false);
    this.tabs = new Tabs((name) => (name === "send" ? this.sender.show() : name === "events" && this.events.show()));
    this.server = new Server({ ask: () => this.keys.ask(), attach: (callId) => this.attach(callId), own: () => this.wire?.callId, told: (told) => this.#told(told) });
    theme(() => this.strip.recolour());
    this.#listen();
    this.#dress();
  }

  #listen() {
    this.transport = kept.get("transport", "websocket");
    this.isPushToTalk = kept.get("push", false);
    for (const radio of document.querySelectorAll("[name=transport]")) {
      radio.checked = radio.value === this.transport;
      radio.addEventListener("change", () => kept.set("transport", (this.transport = radio.value)));
    }
    $("#push").checked = this.isPushToTalk;
    $("#push").addEventListener("change", ({ target }) => this.#pushToTalk(target.checked));
    const talk = $("#talk");
    talk.addEventListener("click", () => this.#tap());
    talk.addEventListener("pointerdown", () => this.#press());
    for (const way of ["pointerup", "pointerleave", "pointercancel"]) talk.addEventListener(way, () => this.#release());
    document.addEventListener("keydown", (event) => this.#keyDown(event));
    document.addEventListener("keyup", (event) => event.code === "Space" && this.#release());
    $("#end").addEventListener("click", () => this.end());
    $("#composer").addEventListener("submit", (event) => this.#submit(event));
    $("#export").addEventListener("click", () => this.tape.save(this.events.entries, this.story.session, this.via));
    window.addEventListener("pagehide", () => this.wire?.close());
  }

  /** What the server said of itself. */
  #told(told) {
    this.keys.show(told);
    if (!told) return;
    this.editor.voices(told.voices);
    this.editor.defaultInstructions(told.instructions);
  }

  // A session's life

  async start({ speaks }) {
    if (this.phase !== "idle") return;
    this.#phase("connecting");
    try {
      const stream = speaks ? await this.#microphone() : null;
      if (speaks && !stream && this.phase === "idle") return;
      const key = await this.keys.fresh();
      const Wire = this.transport === "webrtc" ? CallWire : SocketWire;
      await this.#open(new Wire({ key, query: { model: this.keys.model }, told: this.#telling() }), stream, this.transport);
    } catch (error) {
      this.#over(error.message);
    }
  }

  async #microphone() {
    try {
      return await microphone();
    } catch (error) {
      if (!(error instanceof NoMicrophone)) throw error;
      this.#say(error.message);
      this.#phase("idle");
      return null;
    }
  }

  /** Join a running call beside its own client. */
  async attach(callId) {
    if (!callId) return;
    this.end();
    this.#phase("connecting");
    const key = await this.keys.fresh().catch(() => this.keys.key);
    await this.#open(new SocketWire({ key, query: { call_id: callId }, told: this.#telling() }), undefined, "sideband");
    this.tabs.show("talk-pane");
    toast(`Attached to ${callId}`);
  }

  async #open(wire, stream, via) {
    this.via = via;
    this.wire = wire;
    this.story = new Story();
    this.tape.begin();
    this.events.begin();
    this.anchors = [];
    this.sentMs = 0;
    this.isPlaying = false;
    for (const part of [this.transcript, this.turns, this.strip]) part.begin(this.story);
    this.tools.begin();
    await wire.open(stream);
    this.#say("");
  }

  #telling() {
    const session = (this.current = Symbol("session")); // what is left of an earlier one is not told any more
    const only = (act) => (...given) => this.current === session && act(...given);
    return {
      opened: only(() => this.#phase("live")),
      event: only((event) => this.#happened(event, "server")),
      sent: only((event) => this.#happened(event, "client")),
      closed: only((reason) => this.#over(reason)),
      heard: only((pcm) => this.#heard(pcm)),
      spoken: only((pcm) => this.tape.add("out", pcm)),
      playing: only((itemId) => (this.story.played(itemId, performance.now()), this.#soon())),
      passed: only((side, pcm) => (this.tape.add(side, pcm), this.#level(side, pcm))),
      outLevel: (level, lasted) => (this.strip.level("out", level, lasted), this.#sounds(level)),
    };
  }

  end() {
    this.wire?.close();
  }

  #over(reason) {
    this.watching?.abort();
    this.current = null;
    this.wire = null;
    this.strip.stop();
    this.#phase("idle");
    this.#draw();
    if (reason) this.#say(reason);
  }

  // Events

  #happened(event, way) {
    const now = performance.now();
    this.events.add(event, way, now);
    this.story.fold(event, way, now);
    if (way === "server") this.#react(event);
    this.#soon();
  }

  #react(event) {
    switch (event.type) {
      case "session.created":
        this.#begin(event.session);
        break;
      case "session.updated":
        this.editor.show(event.session);
        this.wire.interrupts = event.session.audio?.input?.turn_detection?.interrupt_response ?? true;
        break;
      case "input_audio_buffer.speech_started":
        this.tape.cut();
        break;
      case "response.done":
        this.tools.take(event.response.output.filter((item) => item.type === "function_call" && item.status === "completed").map((item) => ({ id: item.id, callId: item.call_id, name: item.name, arguments: item.arguments, output: null })));
        break;
      case "error":
        toast(event.error.message, "error");
        break;
    }
  }

  #begin(session) {
    this.editor.show(session);
    if (this.via !== "sideband") {
      const wanted = this.editor.session(this.isPushToTalk);
      const tools = this.tools.declared;
      this.wire.send({ type: "session.update", session: tools.length ? { ...wanted, tools } : wanted });
    }
    this.watching = new AbortController();
    const timeOf = (ms) => this.#timeOf(ms);
    watch(session.id, this.keys.key, this.watching.signal, (observation) => {
      this.story.observe(observation, performance.now(), timeOf);
      if (observation.kind !== "Scored") this.#soon();
    }).catch(() => {}); // a session that cannot be watched is still one to talk to
    if (this.pending) this.#ask(this.pending);
    this.pending = null;
  }

  #update(part) {
    if (this.phase !== "live" || this.via === "sideband") return;
    const input = part.audio?.input;
    const isHeld = this.isPushToTalk && input && "turn_detection" in input;
    this.wire.send({ type: "session.update", session: isHeld ? { ...part, audio: { ...part.audio, input: { ...input, turn_detection: null } } } : part });
  }

  #answerCall(call, output, isLast) {
    this.wire?.send({ type: "conversation.item.create", item: { type: "function_call_output", call_id: call.callId, output } });
    if (isLast) this.wire?.send({ type: "response.create" });
  }

  // The voice

  #heard(pcm) {
    this.tape.add("in", pcm);
    this.sentMs += pcm.length / 24;
    this.anchors.push([this.sentMs, performance.now()]);
    if (this.anchors.length > ANCHORS) this.anchors.shift();
    this.#level("in", pcm);
  }

  #level(side, pcm) {
    const peak = pcm.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    this.strip.level(side, peak / 32768, pcm.length / 24);
    if (side === "out") this.#sounds(peak / 32768);
  }

  /** Whether an answer can be heard just now; a pause between sentences is still the answer. */
  #sounds(level) {
    const now = performance.now();
    if (level > QUIET) this.soundedAt = now;
    const isPlaying = now - (this.soundedAt ?? -Infinity) < PAUSE_MS;
    if (isPlaying !== this.isPlaying) this.#soon();
    this.isPlaying = isPlaying;
  }

  /** When the audio at a place of all that was sent was heard; undefined where that is not known. */
  #timeOf(ms) {
    const anchor = this.anchors.find(([end]) => end >= ms) ?? this.anchors.at(-1);
    return anchor && anchor[1] - (anchor[0] - ms);
  }

  #tap() {
    if (this.phase === "idle") this.start({ speaks: true });
    else if (this.phase === "live" && !this.isPushToTalk && this.wire.hasMicrophone) this.#mute(!this.wire.isMuted);
    else if (this.phase === "live" && !this.wire.hasMicrophone && this.via !== "sideband") this.#speakToo();
  }

  /** A session that began in writing gets a voice; a call gets a new session, since it cannot gain a microphone. */
  async #speakToo() {
    if (this.wire instanceof CallWire) {
      this.end();
      await this.start({ speaks: true });
      return;
    }
    const stream = await microphone().catch((error) => this.#say(error.message));
    if (!stream) return;
    this.wire.isMuted = this.isPushToTalk;
    await this.wire.listen(stream);
    this.#dress();
  }

  #mute(value) {
    this.wire.isMuted = value;
    this.#dress();
  }

  #press() {
    if (this.phase !== "live" || !this.isPushToTalk || this.isHeld || !this.wire.hasMicrophone) return;
    this.isHeld = true;
    this.wire.silence();
    this.wire.send({ type: "input_audio_buffer.clear" });
    this.#mute(false);
  }

  #release() {
    if (!this.isHeld) return;
    this.isHeld = false;
    if (!this.wire) return;
    this.#mute(true);
    const { wire } = this;
    setTimeout(() => {
      wire.send({ type: "input_audio_buffer.commit" });
      wire.send({ type: "response.create" });
    }, wire.tailMs);
  }

  #pushToTalk(value) {
    this.isPushToTalk = value;
    kept.set("push", value);
    if (this.phase === "live") {
      this.wire.isMuted = value;
      this.wire.send({ type: "session.update", session: { type: "realtime", audio: { input: { turn_detection: this.editor.detection(value) } } } });
    }
    this.#dress();
  }

  #keyDown(event) {
    const isHolding = event.target.id === "talk" && this.phase === "live" && this.isPushToTalk;
    const isTyping = !isHolding && event.target.closest("input, textarea, select, button, summary, a");
    if (event.code !== "Space" || isTyping || event.repeat) {
      if (event.code === "Space" && this.isHeld) event.preventDefault();
      return;
    }
    event.preventDefault();
    if (this.phase === "live" && this.isPushToTalk) this.#press();
    else this.#tap();
  }

  // Text

  #submit(event) {
    event.preventDefault();
    const text = $("#text").value.trim();
    if (!text) return;
    $("#text").value = "";
    if (this.phase === "live" && this.story.session) this.#ask(text);
    else {
      this.pending = text;
      this.start({ speaks: false });
    }
  }

  #ask(text) {
    if (this.wire instanceof SocketWire) this.wire.silence();
    this.wire.send({ type: "conversation.item.create", item: { type: "message", role: "user", content: [{ type: "input_text", text }] } });
    if (this.#answers) this.wire.send({ type: "response.cancel" });
    this.wire.send({ type: "response.create" });
  }

  get #answers() {
    return this.story.turns.some((turn) => turn.responseId && turn.status === "open");
  }

  // Showing

  #soon() {
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      this.#draw();
    });
  }

  #draw() {
    this.transcript.draw();
    this.turns.draw();
    this.#dress();
  }

  #phase(phase) {
    this.phase = phase;
    if (phase === "live") {
      this.strip.start();
      if (this.isPushToTalk) this.wire.isMuted = true;
    }
    this.#dress();
  }

  #say(text) {
    $("#notice").textContent = text;
    $("#notice").hidden = !text;
  }

  /** The button and its words. */
  #dress() {
    const look = this.#look();
    const talk = $("#talk");
    $("#export").disabled = this.events.entries.length === 0;
    if (this.looked === JSON.stringify(look)) return;
    this.looked = JSON.stringify(look);
    talk.dataset.look = look.name;
    talk.setAttribute("aria-label", look.label);
    $("#talk-label").textContent = look.label;
    $("#talk-hint").textContent = look.hint;
    $("#end").hidden = this.phase === "idle";
    for (const radio of document.querySelectorAll("[name=transport]")) radio.disabled = this.phase !== "idle";
    $("#model").disabled = this.phase !== "idle";
    document.body.dataset.phase = this.phase;
  }

  #look() {
    if (this.phase === "idle") return { name: "idle", label: "Start talking", hint: this.isTouched ? "or type a message" : "or press the space bar" };
    if (this.phase === "connecting") return { name: "connecting", label: "Connecting…", hint: "" };
    if (this.via === "sideband") return { name: "text", label: "Attached to a call", hint: "you hear and say nothing; events go both ways" };
    if (!this.wire.hasMicrophone) return { name: "text", label: "In writing", hint: this.wire instanceof CallWire ? "press to start over with your voice" : "press to talk" };
    if (this.isPushToTalk) return this.isHeld ? { name: "hearing", label: "Speak…", hint: "let go to be answered" } : { name: "held", label: "Hold to talk", hint: this.isTouched ? "" : "or hold the space bar" };
    if (this.wire.isMuted) return { name: "muted", label: "Muted", hint: "press to go on" };
    if (this.story.isSpeaking) return { name: "hearing", label: "You are heard", hint: "press to mute" };
    if (this.#answers || this.isPlaying) return { name: "answering", label: "Answering", hint: "speak to interrupt" };
    return { name: "live", label: "Listening", hint: "just speak" };
  }
}

window.addEventListener("DOMContentLoaded", () => (window.antiphonConsole = new App()));
