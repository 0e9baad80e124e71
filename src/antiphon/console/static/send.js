// Send any event, from a form that the protocol's own schema makes.

import { $, h, toast } from "./dom.js";
import { formOf } from "./form.js";
import { schema } from "./wires.js";

const STARTS = {
  "conversation.item.create": { item: { type: "message", role: "user", content: [{ type: "input_text", text: "Hello!" }] } },
  "session.update": { session: { type: "realtime", instructions: "Answer in rhymes." } },
};

/** A sentence with `names` in it. */
const prose = (text) => text.split("`").map((part, n) => (n % 2 ? h("code", {}, part) : part));

export class Sender {
  constructor(send) {
    this.send = send;
    this.root = null;
    $("#send-event").addEventListener("submit", (happening) => this.#submit(happening));
    $("#event-json").addEventListener("input", () => this.#check());
  }

  /** Fetch the schema when the tab is first seen. */
  async show() {
    if (this.root) return;
    this.root = await schema();
    const types = Object.keys(this.root.discriminator.mapping);
    $("#event-type").replaceChildren(...types.map((type) => h("option", { value: type }, type)));
    $("#event-type").addEventListener("change", () => this.#choose());
    $("#event-type").value = "conversation.item.create";
    this.#choose();
  }

  #choose() {
    const type = $("#event-type").value;
    const found = this.root.$defs[this.root.discriminator.mapping[type].split("/").pop()];
    $("#event-about").replaceChildren(...prose(found.description ?? ""));
    this.form = formOf(found, this.root, () => this.#preview(), STARTS[type]);
    $("#event-form").replaceChildren(this.form.element);
    this.#preview();
  }

  #preview() {
    $("#event-json").value = JSON.stringify(this.form.read(), null, 2);
    this.#check();
  }

  #check() {
    const area = $("#event-json");
    try {
      JSON.parse(area.value);
      area.setCustomValidity("");
    } catch (error) {
      area.setCustomValidity(`This is no JSON: ${error.message}`);
    }
    area.rows = Math.min(24, area.value.split("\n").length + 1);
  }

  #submit(happening) {
    happening.preventDefault();
    const event = JSON.parse($("#event-json").value);
    if (this.send(event)) toast(`${event.type} sent`);
    else toast("There is no session yet: start one, or type a message.", "error");
  }
}
