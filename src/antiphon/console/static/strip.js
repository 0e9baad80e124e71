// The strip: both voices as a waveform, the VAD's score over it, and where the server held somebody to be speaking.

const WIDE_PX = 600;
const PIXELS_PER_S = { wide: 140, narrow: 90 };
const BAR_MS = 40;
const BURST_MS = 160;
const KEPT = 1000;

export class Strip {
  constructor(canvas, story) {
    this.canvas = canvas;
    this.story = story;
    this.levels = { in: [], out: [] };
    this.preview = null;
    this.runs = false;
    this.#colours();
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  begin(story) {
    this.story = story;
    this.levels = { in: [], out: [] };
  }

  /** The peak of the last `lasted` ms; pieces follow each other evenly, although they come in bursts. */
  level(way, value, lasted) {
    const levels = this.levels[way];
    const now = performance.now();
    const last = levels.at(-1);
    const isNext = last && now - last[0] < BURST_MS;
    levels.push([isNext ? Math.min(last[0] + lasted, now + lasted) : now, value]);
    if (levels.length > KEPT) levels.splice(0, 200);
  }

  start() {
    this.runs = true;
    requestAnimationFrame(() => this.#frame());
  }

  stop() {
    this.runs = false;
    this.frozen = performance.now();
    this.draw();
  }

  /** The threshold that somebody is choosing; null for the session's own. */
  showThreshold(value) {
    this.preview = value;
    this.draw();
  }

  recolour() {
    this.#colours();
    this.draw();
  }

  #colours() {
    const style = getComputedStyle(document.documentElement);
    const named = ["call", "reply", "line", "faint", "score", "speech"];
    this.colours = Object.fromEntries(named.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  }

  #frame() {
    if (!this.runs) return;
    if (!document.hidden) this.draw();
    requestAnimationFrame(() => this.#frame());
  }

  draw() {
    const { canvas } = this;
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width) return;
    if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
    if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    const now = this.runs ? performance.now() : (this.frozen ?? performance.now());
    this.rate = (width < WIDE_PX ? PIXELS_PER_S.narrow : PIXELS_PER_S.wide) / 1000;
    const x = (at) => width - (now - at) * this.rate;
    this.#spans(context, x, height, now);
    this.#wave(context, x, width, height);
    this.#scores(context, x, width, height);
  }

  #spans(context, x, height, now) {
    context.fillStyle = this.colours.speech;
    for (const { from, to } of this.story.spans) {
      const right = x(to ?? now);
      if (right > 0) context.fillRect(x(from), 0, right - x(from), height);
    }
  }

  #wave(context, x, width, height) {
    const middle = height / 2;
    const bar = BAR_MS * this.rate * 0.68;
    context.fillStyle = this.colours.line;
    context.fillRect(0, middle - 0.5, width, 1);
    for (const [way, sign] of [["in", -1], ["out", 1]]) {
      context.fillStyle = this.colours[way === "in" ? "call" : "reply"];
      for (const [at, level] of this.levels[way]) {
        const left = x(at);
        if (left < -bar) continue;
        const tall = Math.min(1, Math.sqrt(level) * 1.15) * (middle - 3);
        if (tall < 0.75) continue;
        context.beginPath();
        context.roundRect(left, sign < 0 ? middle - tall : middle, bar, tall, bar / 2);
        context.fill();
      }
    }
  }

  #scores(context, x, width, height) {
    const y = (score) => height - 2 - score * (height - 4);
    const threshold = this.preview ?? this.story.threshold;
    if (threshold !== null && (this.story.scores.length || this.preview !== null)) {
      context.strokeStyle = this.colours.faint;
      context.setLineDash([3, 4]);
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(0, y(threshold));
      context.lineTo(width, y(threshold));
      context.stroke();
      context.setLineDash([]);
    }
    context.strokeStyle = this.colours.score;
    context.lineWidth = 1.5;
    context.lineJoin = "round";
    context.beginPath();
    let before = -Infinity;
    for (const [at, score] of this.story.scores) {
      const left = x(at);
      if (left < -20) continue;
      if (at - before > 200) context.moveTo(left, y(score));
      else context.lineTo(left, y(score));
      before = at;
    }
    context.stroke();
  }
}
