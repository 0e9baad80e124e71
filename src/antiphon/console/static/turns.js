// The turn waterfall: where the milliseconds between the end of speech and the first sound go, a picture per turn.

import { $, h } from "./dom.js";

const SETTLED_MS = 10_000; // a turn that ended so long ago is not drawn again
const BEFORE_MS = -2000; // drafts may have been dropped before the turn's end; so far back they are drawn
const STEPS = [100, 200, 250, 500, 1000, 2000, 5000];

export class Turns {
  constructor(story) {
    this.story = story;
    this.place = $("#turns");
    this.cards = new Map();
  }

  begin(story) {
    this.story = story;
    this.cards.clear();
    this.place.replaceChildren();
    this.draw();
  }

  draw() {
    const shown = this.story.turns.filter((turn) => this.story.zeroOf(turn) !== null);
    $("#no-turns").hidden = shown.length > 0;
    for (const turn of shown) {
      const card = this.cards.get(turn.number);
      if (card && turn.doneAt && performance.now() - turn.doneAt > SETTLED_MS) continue;
      const key = JSON.stringify([turn, this.#words(turn)]);
      if (card?.key === key) continue;
      const element = this.#card(turn);
      if (card) card.element.replaceWith(element);
      else this.place.prepend(element);
      this.cards.set(turn.number, { element, key });
    }
    drawSummary(this.story, shown);
  }

  #words(turn) {
    const asked = this.story.items.get(turn.itemId ?? turn.askedId)?.text;
    const answer = [...this.story.items.values()].find((item) => item.responseId === turn.responseId && item.responseId)?.text;
    return asked || answer || "";
  }

  #card(turn) {
    const zero = this.story.zeroOf(turn);
    const rows = rowsOf(turn, zero).filter((row) => row.to > BEFORE_MS);
    const begin = Math.max(BEFORE_MS, Math.min(0, ...rows.map((row) => row.from)) * 1.02);
    const end = Math.max(300, ...rows.map((row) => (row.isOpen ? row.from : row.to))) * 1.04;
    const step = STEPS.find((one) => (end - begin) / one <= 6) ?? 10_000;
    const place = (at) => Math.min(1, Math.max(0, (at - begin) / (end - begin)));
    const first = turn.audioAt ?? turn.tokenAt;
    const told = rows.map((row) => `${row.label} ${row.said}`).join(", ");
    return h(
      "li",
      { class: `turn ${turn.status}` },
      h(
        "header",
        {},
        h("span", { class: "number" }, `Turn ${turn.number}`),
        h("span", { class: "asked" }, this.#words(turn)),
        h("span", { class: "figure" }, first && zero !== null ? [h("b", {}, Math.round(first - zero)), " ms"] : "…"),
      ),
      h(
        "div",
        { class: "waterfall", role: "img", "aria-label": `Turn ${turn.number}, from the ${turn.spokenAt ? "end of speech" : "request"}: ${told}` },
        axis(begin, end, step, place),
        rows.map((row) => drawRow(row, row.to > end, place)),
      ),
      turn.problem && h("p", { class: "problem" }, turn.problem),
      footer(turn),
    );
  }
}

/** The bars of a turn, in milliseconds from `zero`. */
function rowsOf(turn, zero) {
  const ms = (at) => (at === null ? null : Math.max(0, at - zero));
  const known = (at) => (at === null || at === undefined ? null : at - zero);
  const ready = ms(turn.stoppedAt) ?? 0;
  const bars = [
    turn.spokenAt !== null && { label: "silence", kind: "silence", from: 0, to: ms(turn.stoppedAt) },
    ...turn.drafts.map((draft) => ({ label: draft.kept ? "draft kept" : "draft dropped", kind: draft.kept ? "kept" : "dropped", from: draft.from - zero, to: draft.to - zero })),
    turn.transcriptAt !== null && { label: "transcript", kind: "words", from: ready, to: ms(turn.transcriptAt) },
    turn.tokenAt !== null && madeRow("first token", "token", known(turn.engine?.began) ?? ready, known(turn.engine?.token), ms(turn.tokenAt)),
    turn.audioAt !== null && madeRow("first audio", "audio", known(turn.engine?.token) ?? ms(turn.tokenAt) ?? ready, known(turn.engine?.audio), ms(turn.audioAt)),
    turn.playedAt !== null && { label: "heard", kind: "heard", from: ms(turn.audioAt) ?? ready, to: ms(turn.playedAt) },
    turn.doneAt !== null && { label: turn.status === "completed" ? "answer made" : turn.status, kind: "rest", from: ms(turn.audioAt ?? turn.tokenAt) ?? ready, to: ms(turn.doneAt), isOpen: true },
  ];
  return bars.filter(Boolean).map((bar) => ({ ...bar, said: `${Math.round(bar.to)} ms` }));
}

/** What an engine made, and how long it waited for the end of the turn. */
function madeRow(label, kind, from, made, told) {
  return { label, kind, from: Math.min(from, told), to: told, made: made === null ? told : Math.min(made, told) };
}

const minus = (value) => String(value).replace("-", "−");

function axis(begin, end, step, place) {
  const marks = [];
  for (let at = Math.ceil(begin / step) * step; at < end; at += step) {
    const label = minus(Math.abs(at) >= 1000 ? `${at / 1000} s` : at + 0);
    marks.push(h("span", { class: Math.abs(at) < 1 ? "zero" : null, "--x": place(at) }, label));
  }
  return h("div", { class: "axis" }, marks);
}

function drawRow(row, overflows, place) {
  const from = place(row.from);
  const to = Math.max(from, place(row.to));
  const made = row.made === undefined ? to : Math.min(to, Math.max(from, place(row.made)));
  return h(
    "div",
    { class: "row" },
    h("span", { class: "label" }, row.label),
    h(
      "span",
      { class: "track" },
      h("i", { class: `bar ${row.kind}${overflows ? " on" : ""}`, "--from": from, "--to": made }),
      made < to && h("i", { class: "held", "--from": made, "--to": to, title: "ready, and held until the turn ends" }),
    ),
    h("span", { class: "ms" }, minus(Math.round(row.to))),
  );
}

function footer(turn) {
  const facts = [];
  const kept = turn.drafts.filter((draft) => draft.kept).length;
  const dropped = turn.drafts.length - kept;
  if (kept) facts.push("the draft was kept");
  if (dropped) facts.push(`${dropped} draft${dropped > 1 ? "s" : ""} dropped`);
  if (turn.status === "cancelled") facts.push(turn.reason === "turn_detected" ? "interrupted" : "cancelled");
  if (turn.usage) facts.push(`${turn.usage.input_tokens} tokens in (${turn.usage.input_token_details?.cached_tokens ?? 0} cached), ${turn.usage.output_tokens} out`);
  return facts.length ? h("footer", {}, facts.join(" · ")) : null;
}

function drawSummary(story, turns) {
  const spoken = turns.filter((turn) => turn.spokenAt !== null && turn.audioAt !== null).map((turn) => turn.audioAt - turn.spokenAt);
  const place = $("#turns-summary");
  place.hidden = spoken.length < 2;
  if (place.hidden) return;
  const sorted = spoken.toSorted((a, b) => a - b);
  place.textContent = `${spoken.length} spoken turns: median ${Math.round(sorted[Math.floor((sorted.length - 1) / 2)])} ms, slowest ${Math.round(sorted.at(-1))} ms from the end of speech to the first audio`;
}
