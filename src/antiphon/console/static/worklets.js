// In the audio thread: the microphone brought to 24 kHz in small pieces, and answers played from a queue.

const RATE = 24000;
const PIECE = 960; // samples in a piece that is sent: 40 ms
const REPORT = 1024; // samples between two reports of what is played: eight blocks, 43 ms
const PHASES = 256;
const CROSSINGS = 12;

/** Brings a stream to another rate by a windowed sinc; passes it on where the rates are the same. */
class Resampler {
  constructor(from, to) {
    this.step = from / to;
    const narrowing = Math.min(1, to / from);
    const cut = narrowing * 0.94;
    this.half = Math.ceil(CROSSINGS / narrowing);
    this.table = new Float32Array((PHASES + 1) * this.half * 2);
    for (let phase = 0; phase <= PHASES; phase++) {
      for (let tap = 0; tap < this.half * 2; tap++) {
        const x = tap - this.half + 1 - phase / PHASES;
        const sinc = x === 0 ? 1 : Math.sin(Math.PI * cut * x) / (Math.PI * cut * x);
        const window = Math.abs(x) >= this.half ? 0 : 0.5 + 0.5 * Math.cos((Math.PI * x) / this.half);
        this.table[phase * this.half * 2 + tap] = cut * sinc * window;
      }
    }
    this.rest = new Float32Array(this.half);
    this.at = this.half - 1;
  }

  feed(samples) {
    if (this.step === 1) return samples;
    const all = new Float32Array(this.rest.length + samples.length);
    all.set(this.rest);
    all.set(samples, this.rest.length);
    const out = [];
    while (Math.floor(this.at) + this.half < all.length) {
      const whole = Math.floor(this.at);
      const row = Math.round((this.at - whole) * PHASES) * this.half * 2;
      let sum = 0;
      for (let tap = 0; tap < this.half * 2; tap++) sum += all[whole - this.half + 1 + tap] * this.table[row + tap];
      out.push(sum);
      this.at += this.step;
    }
    const keep = Math.max(0, Math.floor(this.at) - this.half + 1);
    this.rest = all.slice(keep);
    this.at -= keep;
    return out;
  }
}

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(sampleRate, RATE);
    this.piece = new Int16Array(PIECE);
    this.filled = 0;
  }

  process([input]) {
    if (input.length === 0) return true;
    for (const sample of this.resampler.feed(input[0])) {
      this.piece[this.filled++] = Math.max(-32768, Math.min(32767, Math.round(sample * 32767)));
      if (this.filled < PIECE) continue;
      this.port.postMessage(this.piece, [this.piece.buffer]);
      this.piece = new Int16Array(PIECE);
      this.filled = 0;
    }
    return true;
  }
}

/** Plays pieces in order; each belongs to a part of an item, and what was played of each part is told. */
class Playback extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queue = [];
    this.at = 0;
    this.since = 0;
    this.peak = 0;
    this.was = false;
    this.port.onmessage = ({ data }) => {
      if (data.pcm) this.queue.push(data);
      else this.queue = [];
      if (!data.pcm) this.at = 0;
    };
  }

  process(_, [output]) {
    const out = output[0];
    const played = new Map();
    let n = 0;
    while (n < out.length && this.queue.length) {
      const { part, pcm } = this.queue[0];
      const count = Math.min(out.length - n, pcm.length - this.at);
      for (let i = 0; i < count; i++) {
        out[n + i] = pcm[this.at + i] / 32768;
        this.peak = Math.max(this.peak, Math.abs(out[n + i]));
      }
      played.set(part, (played.get(part) ?? 0) + count);
      n += count;
      this.at += count;
      if (this.at === pcm.length) {
        this.queue.shift();
        this.at = 0;
      }
    }
    this.since += out.length;
    const plays = n > 0;
    if (plays) this.port.postMessage({ played: [...played] });
    if (this.since >= REPORT || plays !== this.was) {
      this.port.postMessage({ level: this.peak, plays, lasted: (this.since / RATE) * 1000 });
      this.since = this.peak = 0;
    }
    this.was = plays;
    return true;
  }
}

registerProcessor("capture", Capture);
registerProcessor("playback", Playback);
