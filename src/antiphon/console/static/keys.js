// The key and the door: what opens a session, and how the server is. A key stays in memory alone.

import { $, kept } from "./dom.js";
import { mint, state } from "./wires.js";

const RENEW_MS = 60_000;
const IN_ADDRESS = /^#(ek_\w+)$/;
const WORDS = { away: "not reachable", locked: "asks for a key", ready: "ready", warming: "warming up", failed: "failed", draining: "draining" };

export class Keys {
  /** `given` is called when somebody has pasted a key, or chosen a model. */
  constructor(given) {
    this.given = given;
    this.key = keyInAddress();
    $("#key-form").addEventListener("submit", (event) => this.#take(event));
    $("#model").addEventListener("change", () => (kept.set("model", $("#model").value), given()));
  }

  get model() {
    return $("#model").value;
  }

  #take(event) {
    event.preventDefault();
    const pasted = $("#key").value.trim();
    $("#key").value = "";
    const isEphemeral = pasted.startsWith("ek_");
    $("#key-problem").textContent = isEphemeral ? "" : "An ephemeral key begins with ek_. The API key itself does not belong in a page.";
    if (!isEphemeral) return;
    this.key = pasted;
    this.given();
  }

  /** A fresh key from an open server; on one with keys, the one that was given. */
  async fresh() {
    if (this.isOpen === undefined) this.show(await state(this.key, this.model));
    if (this.isOpen) this.key = await mint(this.model);
    return this.key;
  }

  /** What the server says of itself. */
  ask() {
    return state(this.key, this.model);
  }

  /** Show how the server is: null where it asks for a key, undefined where it does not answer. */
  show(told) {
    const status = told === undefined ? "away" : told === null ? "locked" : told.status;
    $("#key-form").hidden = status !== "locked";
    $("#status").dataset.status = status;
    $("#status-text").textContent = WORDS[status] ?? status;
    if (!told) return;
    this.isOpen = told.is_open;
    if (this.isOpen && !told.sessions) this.#renew();
    offer(told.models);
  }

  /** A key that sees who is connected, where none is needed; the last one may have run out. */
  #renew() {
    const now = performance.now();
    if (now - (this.renewedAt ?? -Infinity) < RENEW_MS) return;
    this.renewedAt = now;
    this.fresh().then(this.given, () => {}); // the next look at the server tells what is wrong
  }
}

/** The key of the link that `antiphon serve` prints; it does not stay in the address. */
function keyInAddress() {
  const found = IN_ADDRESS.exec(location.hash)?.[1] ?? null;
  if (found) history.replaceState(null, "", location.pathname + location.search);
  return found;
}

function offer(names) {
  const select = $("#model");
  if ([...select.options].map((one) => one.value).join() === names.join()) return;
  select.replaceChildren(...names.map((name) => new Option(name, name)));
  const wanted = kept.get("model", names[0]);
  select.value = names.includes(wanted) ? wanted : names[0];
}
