// A session to take along: its events as a recording that Antiphon reads back, its sound as a WAV with a voice per side.

import { RATE } from "./audio.js";
import { save } from "./dom.js";

const LIMIT_S = 600; // of sound that is kept, each side; a longer session keeps its beginning
const VERSION = 1;

export class Tape {
  constructor() {
    this.begin();
  }

  begin() {
    this.began = performance.now();
    this.wall = Date.now() / 1000;
    this.sides = { in: { pieces: [], end: 0 }, out: { pieces: [], end: 0 } };
  }

  /** Sound of a side, as it comes; answers come faster than they are heard, so they follow each other. */
  add(side, pcm) {
    const track = this.sides[side];
    const now = Math.round(((performance.now() - this.began) / 1000) * RATE);
    const at = side === "in" ? Math.max(track.end, now - pcm.length) : Math.max(track.end, now);
    if (at + pcm.length > LIMIT_S * RATE) return;
    track.pieces.push([at, pcm]);
    track.end = at + pcm.length;
  }

  /** An answer was broken off: what was not played is not on the tape. */
  cut() {
    const track = this.sides.out;
    const now = Math.round(((performance.now() - this.began) / 1000) * RATE);
    if (now >= track.end) return;
    track.pieces = track.pieces.filter(([at]) => at < now).map(([at, pcm]) => [at, pcm.subarray(0, Math.max(0, now - at))]);
    track.end = now;
  }

  get hasSound() {
    return this.sides.in.end + this.sides.out.end > 0;
  }

  /** Left the caller, right the answers. */
  wav() {
    const frames = Math.max(this.sides.in.end, this.sides.out.end);
    const buffer = new ArrayBuffer(44 + frames * 4);
    const view = new DataView(buffer);
    const words = (at, text) => [...text].forEach((letter, n) => view.setUint8(at + n, letter.charCodeAt(0)));
    words(0, "RIFF");
    view.setUint32(4, 36 + frames * 4, true);
    words(8, "WAVEfmt ");
    [[16, 16, 4], [20, 1, 2], [22, 2, 2], [24, RATE, 4], [28, RATE * 4, 4], [32, 4, 2], [34, 16, 2]].forEach(([at, value, size]) => (size === 4 ? view.setUint32(at, value, true) : view.setUint16(at, value, true)));
    words(36, "data");
    view.setUint32(40, frames * 4, true);
    const samples = new Int16Array(buffer, 44);
    for (const [channel, side] of [[0, "in"], [1, "out"]]) {
      for (const [at, pcm] of this.sides[side].pieces) pcm.forEach((sample, n) => (samples[(at + n) * 2 + channel] = sample));
    }
    return new Blob([buffer], { type: "audio/wav" });
  }

  jsonl(entries, session, transport) {
    const about = { kind: "session", session_id: session?.id ?? "", transport, dialect: "ga", model: session?.model ?? "", started_at: this.wall, program: "antiphon console" };
    const rows = entries.map(({ event, way, at }) => ({ at: Math.max(0, Math.round(at - this.began)) / 1000, way, link: "link_1", event }));
    return [{ recording: VERSION, about }, ...rows].map((row) => JSON.stringify(row) + "\n").join("");
  }

  save(entries, session, transport) {
    const name = session?.id ?? "session";
    save(`${name}.jsonl`, new Blob([this.jsonl(entries, session, transport)], { type: "application/x-ndjson" }));
    if (this.hasSound) save(`${name}.wav`, this.wav());
  }
}
