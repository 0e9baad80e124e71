// Function tools that live in this page: declared to the session, answered with what is written here.

import { $, h, icon, kept } from "./dom.js";

const EXAMPLES = [
  {
    name: "weather",
    description: "The weather in a city, now.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    output: '{"sky": "sunny", "celsius": 21}',
  },
];

export class Tools {
  /** `changed` is called when the session's tools change; `answer` with a call, its output, and whether it was the last. */
  constructor({ changed, answer }) {
    this.changed = changed;
    this.answer = answer;
    this.all = kept.get("tools", []);
    this.answered = new Set();
    this.waiting = 0;
    $("#add-tool").addEventListener("click", () => this.#add());
    this.#draw();
  }

  begin() {
    this.answered.clear();
    this.#wait(-this.waiting);
    $("#calls").replaceChildren();
    $("#no-calls").hidden = false;
  }

  /** The session's `tools`. */
  get declared() {
    return this.all.filter((tool) => tool.name).map(({ name, description, parameters }) => ({ type: "function", name, description, parameters }));
  }

  /** Answer the calls that an answer ended with. */
  take(calls) {
    const fresh = calls.filter((call) => !this.answered.has(call.id));
    const left = { count: fresh.length };
    for (const call of fresh) {
      this.answered.add(call.id);
      const tool = this.all.find((one) => one.name === call.name);
      const isMade = tool && !tool.byHand;
      if (isMade) {
        call.output = tool.output;
        this.#give(call, left);
      }
      $("#no-calls").hidden = true;
      this.#wait(isMade ? 0 : 1);
      $("#calls").prepend(this.#call(call, tool, left));
    }
  }

  /** How many calls wait for somebody to answer them; the tab tells. */
  #wait(more) {
    this.waiting += more;
    $("#calls-count").textContent = this.waiting || "";
  }

  /** The model goes on once all calls of its answer have their output. */
  #give(call, left) {
    left.count -= 1;
    this.answer(call, call.output, left.count === 0);
  }

  #call(call, tool, left) {
    const head = h("p", { class: "head" }, icon("tool"), h("b", {}, call.name), h("code", {}, call.arguments));
    if (call.output !== null) return h("li", { class: "made" }, head, h("p", { class: "gave" }, "gave ", h("code", {}, call.output)));
    const area = h("textarea", { rows: 2, "aria-label": `The output of ${call.name}`, value: tool?.output ?? "" });
    const row = h("li", { class: "waiting" }, head, area, h("button", { class: "primary small", onclick: () => give() }, "Give output"));
    const give = () => {
      call.output = area.value;
      this.#wait(-1);
      this.#give(call, left);
      row.replaceWith(this.#call(call, tool));
    };
    return row;
  }

  #add() {
    const example = EXAMPLES.find((one) => !this.all.some((tool) => tool.name === one.name));
    this.all.push(structuredClone(example ?? { name: "", description: "", parameters: { type: "object", properties: {} }, output: "{}" }));
    this.#draw();
    this.#tell();
    $("#tools li:last-child input").focus();
  }

  #tell() {
    kept.set("tools", this.all);
    this.changed(this.declared);
  }

  #draw() {
    $("#no-tools").hidden = this.all.length > 0;
    $("#tools").replaceChildren(...this.all.map((tool, n) => this.#card(tool, n)));
  }

  #card(tool, n) {
    const text = (name, label, rows) => {
      const value = typeof tool[name] === "string" ? tool[name] : JSON.stringify(tool[name], null, 2);
      const control = h(rows ? "textarea" : "input", { id: `tool-${n}-${name}`, rows, value, spellcheck: "false", class: rows ? "json" : null, onchange: () => this.#set(tool, name, control) });
      return h("div", { class: "field" }, h("label", { for: control.id }, label), control);
    };
    const byHand = h("input", { type: "checkbox", class: "switch", id: `tool-${n}-hand`, checked: Boolean(tool.byHand), onchange: () => ((tool.byHand = byHand.checked), this.#tell()) });
    return h(
      "li",
      { class: "card" },
      h("div", { class: "two" }, text("name", "Name"), text("description", "Description")),
      h("div", { class: "two" }, text("parameters", "Parameters (JSON schema)", 6), text("output", "Output", 6)),
      h(
        "footer",
        {},
        h("label", { class: "check", for: byHand.id }, byHand, "Ask me for the output"),
        h("button", { class: "quiet", onclick: () => (this.all.splice(n, 1), this.#draw(), this.#tell()) }, "Remove"),
      ),
    );
  }

  #set(tool, name, control) {
    control.setCustomValidity("");
    if (name !== "parameters") tool[name] = control.value;
    else {
      try {
        tool.parameters = JSON.parse(control.value);
      } catch (error) {
        control.setCustomValidity(`This is no JSON: ${error.message}`);
        control.reportValidity();
        return;
      }
    }
    this.#tell();
  }
}
