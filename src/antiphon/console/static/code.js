// Events as the code that would send or await them, in the official SDKs' words.

const PYTHON_VERBS = {
  "session.update": "session.update",
  "response.create": "response.create",
  "response.cancel": "response.cancel",
  "input_audio_buffer.append": "input_audio_buffer.append",
  "input_audio_buffer.commit": "input_audio_buffer.commit",
  "input_audio_buffer.clear": "input_audio_buffer.clear",
  "output_audio_buffer.clear": "output_audio_buffer.clear",
  "conversation.item.create": "conversation.item.create",
  "conversation.item.delete": "conversation.item.delete",
  "conversation.item.retrieve": "conversation.item.retrieve",
  "conversation.item.truncate": "conversation.item.truncate",
};

/** One event as a piece of code. */
export function snippet({ event, way }, language) {
  return language === "python" ? python(event, way) : javascript(event, way);
}

/** What the client did, as a whole program. */
export function program(entries, language, model) {
  const sent = entries.filter((entry) => entry.way === "client" && entry.event.type !== "input_audio_buffer.append");
  const body = sent.map((entry) => snippet(entry, language)).join("\n");
  const base = new URL("v1", document.baseURI).href;
  if (language === "python") {
    return `import asyncio

from openai import AsyncOpenAI


async def main() -> None:
    client = AsyncOpenAI(base_url="${base}")
    async with client.realtime.connect(model="${model}") as connection:
${indent(body || "pass", 8)}
        async for event in connection:
            print(event.type)


asyncio.run(main())
`;
  }
  return `import { OpenAIRealtimeWS } from "openai/realtime/ws";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${base}" });
const realtime = new OpenAIRealtimeWS({ model: "${model}" }, client);
realtime.socket.on("open", () => {
${indent(body, 2)}
});
realtime.on("event", (event) => console.log(event.type));
`;
}

function python(event, way) {
  const { type, event_id: _, ...fields } = event;
  if (way === "server") return `async for event in connection:\n    if event.type == "${type}":\n        break`;
  const given = Object.entries(fields).map(([name, value]) => `${name}=${literal(value)}`);
  return `await connection.${PYTHON_VERBS[type] ?? `send(${literal(event)})  #`}(${given.join(", ")})`;
}

function javascript(event, way) {
  if (way === "server") return `realtime.on("${event.type}", (event) => {\n  console.log(event);\n});`;
  const { event_id: _, ...rest } = event;
  return `realtime.send(${JSON.stringify(rest, null, 2)});`;
}

/** A JSON value as Python writes it. */
function literal(value, depth = 0) {
  const pad = "    ".repeat(depth + 1);
  const end = "    ".repeat(depth);
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const isList = Array.isArray(value);
  const parts = isList ? value.map((one) => literal(one, depth + 1)) : Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${literal(one, depth + 1)}`);
  const flat = parts.join(", ");
  const [open, close] = isList ? "[]" : "{}";
  if (flat.length < 70 && !flat.includes("\n")) return open + flat + close;
  return `${open}\n${parts.map((part) => `${pad}${part},`).join("\n")}\n${end}${close}`;
}

const indent = (text, by) => text.split("\n").map((line) => (line ? " ".repeat(by) + line : line)).join("\n");
