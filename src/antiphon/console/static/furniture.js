// The page's furniture: tabs by the pattern that screen readers know, and light or dark.

import { $, kept } from "./dom.js";

const THEMES = ["auto", "light", "dark"];

export class Tabs {
  constructor(shown) {
    this.shown = shown;
    this.tabs = [...document.querySelectorAll("[role=tab]")];
    for (const tab of this.tabs) tab.addEventListener("click", () => this.show(tab.dataset.tab));
    $("[role=tablist]").addEventListener("keydown", (event) => this.#step(event));
    this.wide = window.matchMedia("(min-width: 900px)");
    this.wide.addEventListener("change", () => this.#settle());
    this.current = kept.get("tab", "turns");
    this.#settle();
  }

  /** On a wide page the conversation is always there; on a narrow one it is the first tab. */
  #settle() {
    if (this.wide.matches && this.current === "talk-pane") this.show("turns");
    else if (!this.wide.matches) this.show("talk-pane");
    else this.show(this.current);
  }

  show(name) {
    if (this.wide.matches && name === "talk-pane") return;
    this.current = name;
    if (name !== "talk-pane") kept.set("tab", name);
    for (const tab of this.tabs) {
      const isChosen = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", isChosen);
      tab.tabIndex = isChosen ? 0 : -1;
      $(`#${tab.getAttribute("aria-controls")}`).classList.toggle("shown", isChosen);
      if (isChosen) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    this.shown(name);
  }

  #step(event) {
    const visible = this.tabs.filter((tab) => tab.offsetParent);
    const at = visible.indexOf(document.activeElement);
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: visible.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const tab = visible[(next + visible.length) % visible.length];
    this.show(tab.dataset.tab);
    tab.focus();
  }
}

/** Light and dark by the system, or by the button. */
export function theme(changed) {
  let chosen = kept.get("theme", "auto");
  const button = $("#theme");
  const apply = () => {
    document.documentElement.dataset.theme = chosen;
    button.setAttribute("aria-label", `Colours: ${chosen}`);
    button.title = `Colours: ${chosen}`;
    button.dataset.theme = chosen;
    changed();
  };
  button.addEventListener("click", () => {
    chosen = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length];
    kept.set("theme", chosen);
    apply();
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  apply();
}
