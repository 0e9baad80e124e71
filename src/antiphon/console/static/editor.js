// The session's settings: chosen before, or changed while it runs. Each change is a `session.update`.

import { $, h, kept } from "./dom.js";

const TRANSCRIBER = "gpt-4o-mini-transcribe";
const FIELDS = {
  instructions: "",
  voice: "",
  modality: "audio",
  speed: 1,
  detection: "server_vad",
  threshold: 0.5,
  silence: 500,
  padding: 300,
  idle: 0,
  eagerness: "auto",
  creates: true,
  interrupts: true,
  transcribes: true,
  language: "",
  tokens: "",
};

export class Editor {
  /** `changed` is called with the part of the session that changed. */
  constructor({ changed, threshold }) {
    this.values = { ...FIELDS, ...kept.get("session", {}) };
    this.changed = changed;
    this.form = $("#session");
    for (const name of Object.keys(FIELDS)) this.#bind(name, threshold);
    this.form.addEventListener("submit", (happening) => happening.preventDefault());
    $("#reset-session").addEventListener("click", () => this.#reset());
    this.#dress();
  }

  #control(name) {
    return this.form.elements[name];
  }

  #bind(name, threshold) {
    const control = this.#control(name);
    this.#put(name, this.values[name]);
    const all = control instanceof RadioNodeList ? [...control] : [control];
    for (const one of all) {
      one.addEventListener("input", () => {
        this.values[name] = this.#take(name);
        this.#dress();
        if (name === "threshold") threshold(this.values.threshold);
      });
      one.addEventListener("change", () => {
        this.values[name] = this.#take(name);
        kept.set("session", this.values);
        this.#dress();
        if (name === "threshold") threshold(null);
        this.changed(this.#part(name));
      });
    }
  }

  #take(name) {
    const control = this.#control(name);
    if (control.type === "checkbox") return control.checked;
    return typeof FIELDS[name] === "number" ? Number(control.value) : control.value;
  }

  #put(name, value) {
    const control = this.#control(name);
    if (control.type === "checkbox") control.checked = value;
    else control.value = value;
  }

  #reset() {
    this.values = { ...FIELDS };
    for (const [name, value] of Object.entries(FIELDS)) this.#put(name, value);
    kept.set("session", {});
    this.#dress();
    this.changed(this.session());
  }

  /** What can be chosen depends on what was chosen. */
  #dress() {
    const { detection, idle } = this.values;
    for (const part of this.form.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(detection);
    for (const output of this.form.querySelectorAll("output")) {
      const value = this.values[output.dataset.of];
      output.textContent = output.dataset.of === "idle" && idle === 0 ? "off" : output.dataset.unit ? `${value} ${output.dataset.unit}` : Number(value).toFixed(2);
    }
  }

  voices(names) {
    const select = this.#control("voice");
    if (this.offered === names.join()) return; // an open list would be closed
    this.offered = names.join();
    select.replaceChildren(h("option", { value: "" }, "the model's own"), ...names.map((name) => h("option", { value: name }, name)));
    select.value = names.includes(this.values.voice) ? this.values.voice : "";
  }

  defaultInstructions(text) {
    this.#control("instructions").placeholder = text;
  }

  /** The effective session, as the server told it. */
  show(session) {
    $("#effective").textContent = session ? JSON.stringify(session, null, 2) : "There is no session yet.";
  }

  detection(isPushToTalk) {
    const { values } = this;
    if (isPushToTalk || values.detection === "none") return null;
    const shared = { create_response: values.creates, interrupt_response: values.interrupts };
    if (values.detection === "semantic_vad") return { type: "semantic_vad", eagerness: values.eagerness, ...shared };
    const idle = values.idle ? { idle_timeout_ms: values.idle * 1000 } : {};
    return { type: "server_vad", threshold: values.threshold, silence_duration_ms: values.silence, prefix_padding_ms: values.padding, ...idle, ...shared };
  }

  get transcription() {
    const { transcribes, language } = this.values;
    return transcribes ? { model: TRANSCRIBER, ...(language ? { language } : {}) } : null;
  }

  /** The whole session. */
  session(isPushToTalk) {
    const { values } = this;
    return {
      type: "realtime",
      output_modalities: [values.modality],
      ...(values.instructions ? { instructions: values.instructions } : {}),
      ...(values.tokens ? { max_output_tokens: Number(values.tokens) } : {}),
      audio: {
        input: { turn_detection: this.detection(isPushToTalk), transcription: this.transcription },
        output: { speed: values.speed, ...(values.voice ? { voice: values.voice } : {}) },
      },
    };
  }

  #part(name) {
    const whole = this.session();
    switch (name) {
      case "instructions":
        return { type: "realtime", instructions: this.values.instructions || this.#control("instructions").placeholder };
      case "voice":
      case "speed":
        return { type: "realtime", audio: { output: whole.audio.output } };
      case "modality":
        return { type: "realtime", output_modalities: whole.output_modalities };
      case "tokens":
        return { type: "realtime", max_output_tokens: whole.max_output_tokens ?? "inf" };
      case "transcribes":
      case "language":
        return { type: "realtime", audio: { input: { transcription: whole.audio.input.transcription } } };
      default:
        return { type: "realtime", audio: { input: { turn_detection: whole.audio.input.turn_detection } } };
    }
  }
}
