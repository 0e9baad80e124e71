// Ways to a session: the same events over a WebSocket or a WebRTC data channel, sound beside them.

import { Capture, Player, fromBase64, toBase64 } from "./audio.js";

const KEY_PROTOCOL = "openai-insecure-api-key.";
const PART = "/";

/** Where the API is: beside the page, also behind a proxy with a path. */
const at = (path) => new URL(path, document.baseURI);

/**
 * What a wire tells: `opened()`, `event(event)`, `sent(event)`, `closed(reason)`, `playing(itemId)`; of sound that it
 * carries as events `heard(pcm)`, `spoken(pcm)`, `outLevel(level, ms)`, and of sound that passes it by `passed(side, pcm)`.
 */
export class SocketWire {
  tailMs = 0; // what is said is sent before what comes after it

  constructor({ key, query, told }) {
    this.key = key;
    this.query = query;
    this.told = told;
    this.isMuted = false;
    this.interrupts = true;
    this.silenced = new Set();
  }

  async open(stream) {
    if (stream !== undefined) {
      this.player = new Player((level, lasted) => this.told.outLevel(level, lasted), (part) => this.told.playing(part.split(PART)[0]));
      await this.player.start();
    }
    const url = at(`v1/realtime?${new URLSearchParams(this.query)}`);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(url, ["realtime", ...(this.key ? [KEY_PROTOCOL + this.key] : [])]);
    this.socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    this.socket.onclose = ({ code, reason }) => this.#over(code === 1000 || code === 1005 ? "" : this.isOpened ? reason || `The connection was closed (${code}).` : this.query.call_id ? "There is no such call, or it belongs to another key." : "The server cannot be reached.");
    this.socket.onopen = () => {
      this.isOpened = true;
      this.told.opened();
    };
    if (stream) await this.listen(stream);
  }

  /** Hear a microphone from now on. */
  async listen(stream) {
    this.stream = stream;
    this.capture = new Capture(stream, (pcm) => this.#hear(pcm));
    await this.capture.start();
  }

  get hasMicrophone() {
    return Boolean(this.capture);
  }

  send(event) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(event));
    this.told.sent(event);
    return true;
  }

  close() {
    this.socket?.close(1000);
    this.#over("");
  }

  #hear(pcm) {
    if (this.isMuted) return;
    this.told.heard(pcm);
    this.send({ type: "input_audio_buffer.append", audio: toBase64(pcm) });
  }

  #take(event) {
    this.told.event(event);
    if (event.type === "response.output_audio.delta" && this.player && !this.silenced.has(event.response_id)) {
      const pcm = fromBase64(event.delta);
      this.told.spoken(pcm);
      this.player.play([event.item_id, event.content_index, event.response_id].join(PART), pcm);
    } else if (event.type === "input_audio_buffer.speech_started" && this.interrupts) {
      this.silence();
    }
  }

  /** Stop playing, and tell the server what was heard. */
  silence() {
    for (const { part, playedMs } of this.player?.clear() ?? []) {
      const [item_id, index, response] = part.split(PART);
      this.silenced.add(response);
      this.send({ type: "conversation.item.truncate", item_id, content_index: Number(index), audio_end_ms: playedMs });
    }
  }

  #over(reason) {
    if (this.isOver) return;
    this.isOver = true;
    this.capture?.stop();
    this.player?.stop();
    this.stream?.getTracks().forEach((track) => track.stop());
    this.told.closed(reason);
  }
}

export class CallWire {
  tailMs = 250; // sound takes longer than events: what was said last is still on its way

  constructor({ key, query, told }) {
    this.key = key;
    this.query = query;
    this.told = told;
    this.interrupts = true;
  }

  async open(stream) {
    this.connection = new RTCPeerConnection();
    this.connection.ontrack = ({ streams, track }) => this.#play(streams[0] ?? new MediaStream([track]));
    this.connection.onconnectionstatechange = () => {
      if (["failed", "closed"].includes(this.connection.connectionState)) this.#over("The call was lost.");
    };
    if (stream) {
      this.stream = stream;
      stream.getAudioTracks().forEach((track) => this.connection.addTrack(track, stream));
      this.ear = new Capture(stream, (pcm) => this.told.passed("in", pcm));
      await this.ear.start();
    } else {
      this.connection.addTransceiver("audio", { direction: "recvonly" });
    }
    this.channel = this.connection.createDataChannel("oai-events");
    this.channel.onmessage = ({ data }) => this.told.event(JSON.parse(data));
    this.channel.onopen = () => this.told.opened();
    this.channel.onclose = () => this.#over("");
    await this.connection.setLocalDescription(await this.connection.createOffer());
    await this.#call();
  }

  get hasMicrophone() {
    return Boolean(this.stream);
  }

  get isMuted() {
    return Boolean(this.stream) && !this.stream.getAudioTracks().some((track) => track.enabled);
  }

  set isMuted(value) {
    this.stream?.getAudioTracks().forEach((track) => (track.enabled = !value));
  }

  async #call() {
    const answer = await fetch(at(`v1/realtime/calls?${new URLSearchParams(this.query)}`), {
      method: "POST",
      body: this.connection.localDescription.sdp,
      headers: { "Content-Type": "application/sdp", ...(this.key ? { Authorization: `Bearer ${this.key}` } : {}) },
    });
    const text = await answer.text();
    if (!answer.ok) {
      this.connection.close();
      throw new Error(answer.status === 404 || answer.status === 405 ? "This server takes no calls over WebRTC." : messageOf(text, answer.status));
    }
    this.callId = answer.headers.get("Location")?.split("/").pop();
    await this.connection.setRemoteDescription({ type: "answer", sdp: text });
  }

  #play(stream) {
    this.loudspeaker = new Audio();
    this.loudspeaker.srcObject = stream;
    this.loudspeaker.play().catch(() => {}); // a page that was not touched yet may not play; the next touch will
    this.mouth = new Capture(stream, (pcm) => this.told.passed("out", pcm));
    this.mouth.start();
  }

  send(event) {
    if (this.channel?.readyState !== "open") return false;
    this.channel.send(JSON.stringify(event));
    this.told.sent(event);
    return true;
  }

  silence() {
    this.send({ type: "output_audio_buffer.clear" });
  }

  close() {
    this.#over("");
  }

  #over(reason) {
    if (this.isOver) return;
    this.isOver = true;
    this.ear?.stop();
    this.mouth?.stop();
    this.stream?.getTracks().forEach((track) => track.stop());
    this.connection.close();
    this.told.closed(reason);
  }
}

function messageOf(text, status) {
  try {
    return JSON.parse(text).error.message;
  } catch {
    return `The server answered with ${status}.`;
  }
}

/** An ephemeral key from an open server. */
export async function mint(model) {
  const answer = await fetch(at("v1/realtime/client_secrets"), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ session: { type: "realtime", ...(model ? { model } : {}) } }),
  });
  if (!answer.ok) throw new Error(messageOf(await answer.text(), answer.status));
  return (await answer.json()).value;
}

/** What the server says of itself; null where it asks for another key. */
export async function state(key, model) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const answer = await fetch(at(`console/state?${new URLSearchParams(model ? { model } : {})}`), { headers });
  if (answer.status === 401) return null;
  if (!answer.ok) throw new Error(messageOf(await answer.text(), answer.status));
  return answer.json();
}

export async function schema() {
  return (await fetch(at("console/events.json"))).json();
}

/** Private observations of a session, until it ends or `signal` is given. */
export async function watch(sessionId, key, signal, onObservation) {
  const headers = { Authorization: `Bearer ${key}` };
  const answer = await fetch(at(`console/watch/${encodeURIComponent(sessionId)}`), { headers, signal });
  if (!answer.ok) return;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line) onObservation(JSON.parse(line));
  }
}
