// The conversation as it is read: two voices, and what of an answer was never heard.

import { $, h, icon } from "./dom.js";

const NAMES = { user: "You", assistant: "Antiphon", system: "System" };

export class Transcript {
  constructor(story) {
    this.story = story;
    this.list = $("#transcript");
    this.rows = new Map();
  }

  /** Start over with another story. */
  begin(story) {
    this.story = story;
    this.rows.clear();
    this.list.replaceChildren();
    this.draw();
  }

  draw() {
    const shown = [...this.story.items.values()].filter((item) => item.role !== "system" || item.text);
    $("#empty").hidden = shown.length > 0;
    const isAtEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 80;
    const wanted = new Set(shown.map((item) => item.id));
    for (const [id, row] of this.rows) {
      if (wanted.has(id)) continue;
      row.element.remove();
      this.rows.delete(id);
    }
    let before = null;
    for (const item of shown) {
      const row = this.#row(item);
      const isInPlace = row.element.parentNode && row.element.previousElementSibling === before;
      if (!isInPlace) this.list.insertBefore(row.element, before ? before.nextSibling : this.list.firstChild);
      before = row.element;
    }
    if (isAtEnd) this.list.scrollTop = this.list.scrollHeight;
  }

  #row(item) {
    const turn = this.story.turns.find((one) => one.responseId && one.responseId === item.responseId);
    const heard = this.story.heardCharacters(item);
    const took = turn && item.kind === "message" ? this.#took(turn) : "";
    const key = JSON.stringify([item.role, item.kind, item.text, item.state, heard, took, item.problem, item.arguments, item.heardMs]);
    let row = this.rows.get(item.id);
    if (row?.key === key) return row;
    const element = draw(item, heard, took);
    if (row) row.element.replaceWith(element);
    row = { element, key };
    this.rows.set(item.id, row);
    return row;
  }

  #took(turn) {
    const first = turn.audioAt ?? turn.tokenAt;
    const zero = this.story.zeroOf(turn);
    return first && zero && first > zero ? `${Math.round(first - zero)} ms` : "";
  }
}

function draw(item, heard, took) {
  if (item.kind !== "message") return drawCall(item);
  const name = NAMES[item.role] ?? item.role;
  const meta = h("p", { class: "who" }, h("span", { class: "name" }, name), took && h("span", { class: "took", title: "From the end of speech to the first sound" }, took), tag(item, heard));
  return h("li", { class: `line ${item.role} ${item.state}`, "data-item": item.id, "aria-busy": item.state === "open" || item.state === "hearing" ? "true" : null }, meta, body(item, heard));
}

function tag(item, heard) {
  const isHeardOut = heard !== null && item.text && heard >= item.text.length;
  if (item.role === "assistant" && item.state === "cut" && !isHeardOut) {
    const where = item.heardMs === null ? "" : ` at ${(item.heardMs / 1000).toFixed(1)} s`;
    return h("span", { class: "tag" }, `interrupted${where}`);
  }
  if (item.isTyped) return h("span", { class: "tag plain" }, "typed");
  return null;
}

function body(item, heard) {
  if (item.state === "failed") return h("p", { class: "text problem" }, item.problem ?? "The words could not be made out.");
  if (item.state === "hearing" && !item.text) return h("p", { class: "text waiting" }, "listening", dots());
  if (item.isSilent) return h("p", { class: "text waiting" }, "no words");
  if (!item.text) return h("p", { class: "text waiting" }, item.role === "user" ? "writing down" : "thinking", item.state !== "cut" && dots());
  if (heard === null) return h("p", { class: "text" }, item.text);
  return h("p", { class: "text" }, item.text.slice(0, heard), heard < item.text.length && h("del", { title: "Not heard" }, item.text.slice(heard)));
}

const dots = () => h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i"));

const CALLS = { function_call: "calls", function_call_output: "was given", mcp_call: "calls", mcp_list_tools: "lists the tools of", mcp_approval_request: "asks to call", mcp_approval_response: "was answered" };

function drawCall(item) {
  const what = item.name ?? item.server ?? "";
  const text = item.kind === "function_call_output" ? item.text : item.arguments;
  return h(
    "li",
    { class: "line call", "data-item": item.id },
    icon("tool"),
    h("span", {}, CALLS[item.kind] ?? item.kind, " ", what && h("b", {}, what), text && h("code", {}, text)),
  );
}
