// Microphone and loudspeaker. 24 kHz, 16 bit, mono, as the protocol has it.

export const RATE = 24000;
const WORKLETS = new URL("worklets.js", import.meta.url);

/** What keeps somebody from talking, in words that help. */
export class NoMicrophone extends Error {}

const REASONS = {
  NotAllowedError: "The browser was told not to let this page hear. Allow the microphone beside the address, then try again. Typing works without it.",
  NotFoundError: "There is no microphone on this device. Typing works without one.",
  NotReadableError: "Another program holds the microphone, or the system keeps it from the browser.",
};

/** The microphone's stream. Raises `NoMicrophone`. */
export async function microphone() {
  if (!window.isSecureContext || !navigator.mediaDevices) {
    throw new NoMicrophone("Browsers give a microphone only to https pages and to localhost. Open the console by one of these, or type.");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 },
    });
  } catch (error) {
    throw new NoMicrophone(REASONS[error.name] ?? `The microphone cannot be used: ${error.message}.`);
  }
}

/** Pieces of 40 ms from a stream. */
export class Capture {
  constructor(stream, onPiece) {
    this.stream = stream;
    this.onPiece = onPiece;
  }

  async start() {
    this.context = new AudioContext({ latencyHint: "interactive" });
    await this.context.audioWorklet.addModule(WORKLETS);
    await this.context.resume();
    this.node = new AudioWorkletNode(this.context, "capture", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    this.node.port.onmessage = ({ data }) => this.onPiece(data);
    this.context.createMediaStreamSource(this.stream).connect(this.node);
  }

  stop() {
    this.context?.close();
  }
}

/** A queue of answers. `part` names a content part of an item. */
export class Player {
  constructor(onLevel, onFirst) {
    this.onLevel = onLevel;
    this.onFirst = onFirst;
    this.played = new Map();
    this.given = new Map();
    this.plays = false;
  }

  async start() {
    this.context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
    await this.context.audioWorklet.addModule(WORKLETS);
    await this.context.resume();
    this.node = new AudioWorkletNode(this.context, "playback", { numberOfInputs: 0, outputChannelCount: [1] });
    this.node.port.onmessage = ({ data }) => this.#told(data);
    this.node.connect(this.context.destination);
  }

  play(part, pcm) {
    this.given.set(part, (this.given.get(part) ?? 0) + pcm.length);
    this.node?.port.postMessage({ part, pcm });
  }

  /** Be silent now; the parts that were not heard to their end, and how far they were (ms). */
  clear() {
    this.node?.port.postMessage({ clear: true });
    const unheard = [];
    for (const [part, given] of this.given) {
      const played = this.played.get(part) ?? 0;
      if (played < given) unheard.push({ part, playedMs: Math.round((played / RATE) * 1000) });
    }
    this.given.clear();
    this.played.clear();
    return unheard;
  }

  stop() {
    this.context?.close();
  }

  #told({ played, level, plays, lasted }) {
    for (const [part, samples] of played ?? []) {
      if (!this.played.has(part)) this.onFirst(part);
      this.played.set(part, (this.played.get(part) ?? 0) + samples);
    }
    if (level !== undefined) {
      this.plays = plays;
      this.onLevel(level, lasted);
    }
  }
}

export function toBase64(pcm) {
  const bytes = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

export function fromBase64(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Int16Array(bytes.buffer, 0, bytes.length >> 1);
}
