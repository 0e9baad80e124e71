// The event log: everything both sides said, with filters, search and pause.

import { program, snippet } from "./code.js";
import { $, copy, h, icon, kept } from "./dom.js";

const KEPT = 20_000; // entries in memory: about ten minutes of sound; then the oldest sound is let go
const SHOWN = 400; // rows in the page: the newest of those that match
const LONG_TEXT = 120;

export class Events {
  constructor() {
    this.entries = [];
    this.rows = [];
    this.list = $("#events");
    this.isPaused = false;
    this.missed = 0;
    this.began = performance.now();
    this.form = kept.get("form", "json");
    this.#controls();
    this.#redraw();
  }

  #controls() {
    for (const id of ["show-client", "show-server", "show-audio"]) $(`#${id}`).addEventListener("change", () => this.#redraw());
    $("#search").addEventListener("input", () => this.#redraw());
    $("#pause").addEventListener("click", () => this.#pause());
    $("#clear-events").addEventListener("click", () => {
      this.entries = [];
      this.#redraw();
    });
    $("#form").value = this.form;
    $("#form").addEventListener("change", ({ target }) => kept.set("form", (this.form = target.value)));
    $("#copy-events").addEventListener("click", () => this.#copy());
  }

  #pause() {
    this.isPaused = !this.isPaused;
    this.missed = 0;
    $("#pause").setAttribute("aria-pressed", this.isPaused);
    $("#pause-label").textContent = this.isPaused ? "Resume" : "Pause";
    if (!this.isPaused) this.#redraw();
  }

  /** The newest are what one wants to see. */
  show() {
    this.list.scrollTop = this.list.scrollHeight;
  }

  /** A session begins, and its log. */
  begin() {
    this.began = performance.now();
    this.entries = [];
    if (this.isPaused) this.#pause();
    this.#redraw();
  }

  #copy() {
    if (this.form === "json") copy(this.#matching().map((entry) => JSON.stringify(entry.event)).join("\n"), "Events");
    else copy(program(this.entries, this.form, $("#model").value), "Program");
  }

  add(event, way, now) {
    const entry = { event, way, at: now, text: null };
    this.entries.push(entry);
    if (this.entries.length > KEPT) this.#forget();
    if (this.isPaused) {
      this.missed += 1;
      $("#pause-label").textContent = `Resume (${this.missed} new)`;
    } else if (this.#matches(entry)) {
      this.#append(entry);
    }
  }

  #forget() {
    const kept = this.entries.filter((entry, n) => n > KEPT / 4 || !isSound(entry.event.type));
    this.entries = kept.length < KEPT ? kept : this.entries.slice(KEPT / 4);
  }

  #matches(entry) {
    if (!$(`#show-${entry.way}`).checked) return false;
    if (!$("#show-audio").checked && isSound(entry.event.type)) return false;
    const wanted = $("#search").value.trim().toLowerCase();
    if (!wanted) return true;
    entry.text ??= JSON.stringify(shortened(entry.event)).toLowerCase();
    return wanted.split(/\s+/).every((word) => entry.text.includes(word));
  }

  #matching() {
    return this.entries.filter((entry) => this.#matches(entry));
  }

  #redraw() {
    this.rows = [];
    this.list.replaceChildren();
    for (const entry of this.#matching().slice(-SHOWN)) this.#append(entry);
    this.#count();
  }

  #append(entry) {
    const last = this.rows.at(-1);
    const isAtEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 60;
    if (last && last.entry.event.type === entry.event.type && last.entry.way === entry.way && entry.event.type.endsWith("delta") | entry.event.type.endsWith("append")) {
      last.count += 1;
      last.times.textContent = `×${last.count}`;
      last.entry = entry;
    } else {
      this.rows.push(this.#row(entry));
      this.list.append(this.rows.at(-1).element);
      if (this.rows.length > SHOWN) this.rows.shift().element.remove();
    }
    if (isAtEnd) this.list.scrollTop = this.list.scrollHeight;
    this.#count();
  }

  #count() {
    $("#no-events").hidden = this.rows.length > 0;
    $("#no-events").textContent = this.entries.length ? "No event matches." : "Events of both sides appear here as they are sent.";
    $("#events-count").textContent = this.entries.length ? `${this.entries.length}` : "";
  }

  #row(entry) {
    const { event, way, at } = entry;
    const times = h("span", { class: "times" });
    const row = { entry, times, count: 1 };
    const summary = h(
      "summary",
      {},
      h("time", {}, ((at - this.began) / 1000).toFixed(2)),
      h("span", { class: "way", title: way === "client" ? "sent" : "received" }, way === "client" ? "↑" : "↓"),
      h("span", { class: "type" }, event.type),
      times,
      h("span", { class: "gist" }, gist(event)),
    );
    row.element = h("li", { class: `event ${way}${event.type === "error" ? " error" : ""}` }, h("details", { ontoggle: ({ target }) => this.#unfold(target, row) }, summary));
    return row;
  }

  #unfold(details, row) {
    details.querySelector(".unfolded")?.remove();
    if (!details.open) return;
    const { entry } = row;
    const tools = h(
      "p",
      { class: "tools" },
      h("button", { class: "small", onclick: () => copy(JSON.stringify(entry.event, null, 2), "Event") }, icon("copy"), "JSON"),
      h("button", { class: "small", onclick: () => copy(snippet(entry, this.form === "javascript" ? "javascript" : "python"), "Code") }, icon("code"), "SDK code"),
    );
    details.append(h("div", { class: "unfolded" }, tools, h("pre", { tabindex: 0 }, JSON.stringify(shortened(entry.event), null, 2))));
  }
}

export const isSound = (type) => type === "input_audio_buffer.append" || type === "response.output_audio.delta";

/** An event without its sound, which nobody reads. */
export function shortened(value) {
  if (typeof value === "string") {
    const isSoundOrPicture = value.length > 2 * LONG_TEXT && !/\s/.test(value.slice(0, LONG_TEXT));
    return isSoundOrPicture ? `${value.slice(0, 24)}… (${value.length} characters)` : value;
  }
  if (Array.isArray(value)) return value.map(shortened);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, shortened(one)]));
  return value;
}

/** What an event is about, in a few words. */
function gist(event) {
  if (event.type === "error") return event.error.message;
  if (isSound(event.type)) return `${Math.round(((event.audio ?? event.delta).length * 3) / 4 / 48)} ms`;
  const { response, item, session } = event;
  if (response?.status) return [response.status, response.status_details?.reason].filter(Boolean).join(", ");
  if (item) return item.name ?? (item.content ?? []).map((part) => part.text ?? part.transcript ?? part.type).join(" ") ?? item.type;
  if (session && event.type === "session.update") return Object.keys(session).filter((name) => name !== "type").join(", ");
  if (event.audio_start_ms !== undefined) return `at ${event.audio_start_ms} ms`;
  if (event.audio_end_ms !== undefined) return `at ${event.audio_end_ms} ms`;
  return event.transcript ?? event.text ?? event.arguments ?? event.delta ?? "";
}
