// What client programs share: a task from standard input, and lines of JSON for what happened.

import { readFileSync } from 'node:fs';
import readline from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const PATIENCE_MS = 60_000;
const CHUNK_BYTES = 4_800; // 100 ms of 16-bit mono at 24,000 Hz

/** What the test wants: the `url`, the `acts` in their order, and files of `pcm` by name. */
export async function task() {
  for await (const line of readline.createInterface({ input: process.stdin })) return JSON.parse(line);
}

/** One line for the test to read. */
export function tell(kind, facts = {}) {
  process.stdout.write(JSON.stringify({ kind, ...facts }) + '\n');
}

/** A file of `pcm` in pieces of 100 ms. */
export function chunks(path) {
  const pcm = readFileSync(path);
  const count = Math.ceil(pcm.length / CHUNK_BYTES);
  return Array.from({ length: count }, (_, n) => pcm.subarray(n * CHUNK_BYTES, (n + 1) * CHUNK_BYTES));
}

/** Counts what happens, and waits for it. */
export class Happenings {
  #counts = new Map();
  #waiting = new Set();

  note(kind) {
    this.#counts.set(kind, this.count(kind) + 1);
    for (const look of this.#waiting) look();
  }

  count(kind) {
    return this.#counts.get(kind) ?? 0;
  }

  /** Wait until it has happened so often. */
  async until(kind, count = 1) {
    let timer;
    await new Promise((resolve, reject) => {
      const look = () => {
        if (this.count(kind) < count) return;
        this.#waiting.delete(look);
        resolve();
      };
      const counted = () => JSON.stringify(Object.fromEntries(this.#counts));
      timer = setTimeout(() => reject(new Error(`waited for ${count} x ${kind}; there were ${counted()}`)), PATIENCE_MS);
      this.#waiting.add(look);
      look();
    });
    clearTimeout(timer);
  }

  /** Say something, faster than real time; the microphone stays open until the turn has been found. */
  async speak(path, say) {
    const turns = this.count('input_audio_buffer.speech_stopped');
    chunks(path).forEach(say);
    while (this.count('input_audio_buffer.speech_stopped') === turns) {
      say(Buffer.alloc(CHUNK_BYTES));
      await pause(20);
    }
  }
}

for (const level of ['error', 'warn']) {
  console[level] = (...parts) => tell('log', { level, text: parts.map(String).join(' ') });
}
process.on('warning', (warning) => tell('log', { level: 'warning', text: String(warning) }));
