// The server: what it runs on, who is connected, and the way into a running call.

import { $, h } from "./dom.js";

const EVERY_MS = 3000;
const ROLES = { vad: "Voice activity", turn: "Turn model", asr: "Recognition", llm: "Language model", tts: "Voice", tools: "Tools" };

export class Server {
  /** `ask` gives the server's state; `attach` joins a call; `own` is the page's own; `told` is given every state. */
  constructor({ ask, attach, own, told }) {
    this.ask = ask;
    this.told = told;
    this.attach = attach;
    this.own = own;
    $("#attach").addEventListener("submit", (happening) => {
      happening.preventDefault();
      attach($("#call-id").value.trim());
    });
    this.#again();
  }

  async #again() {
    if (!document.hidden) await this.look();
    setTimeout(() => this.#again(), EVERY_MS);
  }

  /** Ask now. */
  async look() {
    try {
      const state = await this.ask();
      this.#draw(state);
      this.told(state);
    } catch {
      this.told(undefined);
    }
  }

  #draw(state) {
    if (!state) return;
    $("#engines").replaceChildren(
      ...Object.entries(state.engines).flatMap(([role, name]) => [h("dt", {}, ROLES[role] ?? role), h("dd", {}, h("code", {}, name))]),
      h("dt", {}, "Antiphon"),
      h("dd", {}, state.version),
    );
    $("#failure").textContent = state.failure ?? "";
    const rows = (state.sessions ?? []).map((one) => this.#row(one));
    $("#sessions").hidden = rows.length === 0;
    $("#no-sessions").hidden = rows.length > 0;
    $("#no-sessions").textContent = state.sessions ? "Nobody is connected." : "This key does not see who is connected.";
    $("#sessions tbody").replaceChildren(...rows);
  }

  #row(one) {
    const button = one.is_own && one.call_id && one.call_id !== this.own() && h("button", { class: "small", onclick: () => this.attach(one.call_id) }, "Attach");
    return h("tr", {}, h("td", {}, h("code", { title: one.id }, one.call_id ?? one.id)), h("td", {}, one.transport), h("td", {}, one.dialect), h("td", {}, one.model ?? ""), h("td", { class: "number" }, age(one.age_s)), h("td", {}, button));
  }
}

function age(seconds) {
  if (seconds < 60) return `${seconds} s`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
