// A form for any value of a JSON schema, made from the server's own: this file knows no field of the protocol.

import { h } from "./dom.js";

let fields = 0;

/** A form for `schema`; `changed` is called after every change. `read` of what it gives is the value, or undefined. */
export function formOf(schema, root, changed, initial) {
  return field(schema, { root, changed }, initial);
}

function resolved(schema, root) {
  return schema.$ref ? root.$defs[schema.$ref.split("/").pop()] : schema;
}

/** The alternatives of a schema, nested unions taken together; null is no alternative of its own. */
function alternatives(schema, root) {
  const found = resolved(schema, root);
  if (!found.anyOf) return [found];
  return found.anyOf.flatMap((one) => alternatives(one, root)).filter((one) => one.type !== "null");
}

const takesNull = (schema, root) => (resolved(schema, root).anyOf ?? []).some((one) => resolved(one, root).type === "null");

function field(schema, about, initial) {
  const choices = alternatives(schema, about.root);
  if (choices.length > 1) return unionField(choices, about, initial);
  const [only] = choices;
  if (!only) return jsonField(about, initial);
  if (only.enum) return enumField(only, about, initial);
  switch (only.type) {
    case "object":
      return only.properties ? objectField(only, about, initial) : jsonField(about, initial);
    case "array":
      return only.items ? arrayField(only, about, initial) : jsonField(about, initial);
    case "string":
      return textField(only, about, initial);
    case "integer":
    case "number":
      return numberField(only, about, initial);
    case "boolean":
      return boolField(about, initial);
    default:
      return jsonField(about, initial);
  }
}

function input(tag, properties, about, read) {
  const element = h(tag, { id: `f${++fields}`, oninput: about.changed, ...properties });
  return { element, control: element, read: () => read(element) };
}

function textField(schema, about, initial) {
  const isLong = !schema.maxLength && !schema.contentEncoding;
  const placeholder = schema.contentEncoding ?? "";
  return input(isLong ? "textarea" : "input", { rows: isLong ? 1 : null, value: initial ?? "", placeholder, maxlength: schema.maxLength }, about, (one) => one.value);
}

function numberField(schema, about, initial) {
  const { minimum, maximum } = schema;
  const step = schema.type === "integer" ? 1 : 0.05;
  const value = initial ?? (minimum > 0 ? minimum : "");
  return input("input", { type: "number", min: minimum, max: maximum, step: schema.type === "integer" ? step : "any", value }, about, (one) => (one.value === "" ? undefined : Number(one.value)));
}

function enumField(schema, about, initial) {
  if (schema.enum.length === 1) return { element: h("code", { class: "fixed" }, schema.enum[0]), read: () => schema.enum[0] };
  const made = input("select", { onchange: about.changed }, about, (one) => JSON.parse(one.value));
  made.element.append(...schema.enum.map((value) => h("option", { value: JSON.stringify(value) }, String(value))));
  if (initial !== undefined) made.element.value = JSON.stringify(initial);
  return made;
}

function boolField(about, initial) {
  const made = input("input", { type: "checkbox", class: "switch", checked: initial ?? true, onchange: about.changed }, about, (one) => one.checked);
  return made;
}

function jsonField(about, initial) {
  return input("textarea", { class: "json", rows: 3, value: initial === undefined ? "{}" : JSON.stringify(initial, null, 2), spellcheck: "false" }, about, (one) => {
    try {
      one.setCustomValidity("");
      return JSON.parse(one.value);
    } catch (error) {
      one.setCustomValidity(`This is no JSON: ${error.message}`);
      return undefined;
    }
  });
}

function objectField(schema, about, initial = {}) {
  const required = new Set(schema.required ?? []);
  const present = new Map();
  const body = h("div", { class: "fields" });
  const adding = h("select", { class: "add", "aria-label": "Add a field", onchange: () => add(adding.value) });

  function offer() {
    const absent = Object.keys(schema.properties).filter((name) => !present.has(name));
    adding.replaceChildren(h("option", { value: "" }, "+ field"), ...absent.map((name) => h("option", { value: name }, name)));
    adding.hidden = absent.length === 0;
  }

  function add(name, value, isQuiet = false) {
    if (!name) return;
    const inner = schema.properties[name];
    if (inner.enum?.length === 1) {
      present.set(name, { read: () => inner.enum[0] }); // the kind, which was chosen above
      return;
    }
    const made = value === null ? { element: h("code", { class: "fixed" }, "null"), read: () => null } : field(inner, about, value);
    present.set(name, made);
    const label = h("label", { for: made.control?.id }, name);
    const remove = required.has(name) ? null : h("button", { type: "button", class: "remove", "aria-label": `Remove ${name}`, title: "Remove", onclick: () => drop(name, row) }, "×");
    const empty = takesNull(inner, about.root) && value !== null ? h("button", { type: "button", class: "null", title: "Send null", onclick: () => (drop(name, row), add(name, null)) }, "null") : null;
    const row = h("div", { class: `field${made.control ? "" : " nested"}` }, h("div", { class: "name" }, label, empty, remove), made.element);
    body.append(row);
    offer();
    if (!isQuiet) about.changed();
  }

  function drop(name, row) {
    present.delete(name);
    row.remove();
    offer();
    about.changed();
  }

  for (const name of Object.keys(schema.properties)) {
    if (required.has(name) || initial[name] !== undefined) add(name, initial[name], true);
  }
  offer();
  return {
    element: h("div", { class: "object" }, body, adding),
    read: () => Object.fromEntries([...present].map(([name, made]) => [name, made.read()]).filter(([, value]) => value !== undefined)),
  };
}

function arrayField(schema, about, initial = []) {
  const rows = [];
  const body = h("div", { class: "items" });
  function add(value, isQuiet = false) {
    const made = field(schema.items, about, value);
    rows.push(made);
    const row = h("div", { class: "entry" }, made.element, h("button", { type: "button", class: "remove", "aria-label": "Remove entry", onclick: () => drop(made, row) }, "×"));
    body.append(row);
    if (!isQuiet) about.changed();
  }
  function drop(made, row) {
    rows.splice(rows.indexOf(made), 1);
    row.remove();
    about.changed();
  }
  initial.forEach((value) => add(value, true));
  if (!initial.length && schema.minItems) add(undefined, true);
  return { element: h("div", { class: "array" }, body, h("button", { type: "button", class: "small add", onclick: () => add() }, "+ entry")), read: () => rows.map((made) => made.read()) };
}

const nameOf = (schema) => schema.properties?.type?.enum?.[0] ?? schema.title ?? (schema.enum ? schema.enum.join(" | ") : schema.type ?? "any");

function fits(schema, value) {
  if (schema.enum) return schema.enum.includes(value);
  if (schema.type === "object") return typeof value === "object" && !Array.isArray(value) && (!schema.properties?.type || schema.properties.type.enum?.includes(value?.type));
  if (schema.type === "array") return Array.isArray(value);
  return typeof value === (schema.type === "integer" ? "number" : schema.type);
}

function unionField(choices, about, initial) {
  let made;
  const place = h("div", { class: "chosen" });
  const select = h("select", { id: `f${++fields}`, class: "kind", onchange: () => (choose(), about.changed()) }, choices.map((choice, n) => h("option", { value: n }, nameOf(choice))));
  function choose(value) {
    made = field(choices[select.value], about, value);
    place.replaceChildren(made.element);
  }
  const first = initial === undefined ? 0 : Math.max(0, choices.findIndex((choice) => fits(choice, initial)));
  select.value = first;
  choose(initial);
  return { element: h("div", { class: "union" }, select, place), read: () => made.read() };
}
