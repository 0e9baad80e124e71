// A program with the npm package `openai`: spoken to, with a tool, and interrupted.
//
// The package always asks for TLS. Behind a TLS proxy the address is all that changes; a server on loopback without
// one needs a plain socket too.

import net from 'node:net';
import OpenAI from 'openai';
import { OpenAIRealtimeWebSocket } from 'openai/realtime/websocket';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { WebSocket } from 'ws';
import { Happenings, task, tell } from './telling.mjs';

const wanted = await task();
const seen = new Happenings();
const client = new OpenAI({ baseURL: `${wanted.url}/v1`, apiKey: 'none' });
const realtime = connect();

function connect() {
  if (wanted.style === 'browser') {
    globalThis.WebSocket = WebSocket; // Node has one of its own from 22 on
    return new OpenAIRealtimeWebSocket({ model: 'gpt-realtime' }, client);
  }
  const isPlain = wanted.url.startsWith('http:');
  const options = isPlain ? { createConnection: ({ host, port }) => net.connect({ host, port }) } : undefined;
  return new OpenAIRealtimeWS({ model: 'gpt-realtime', options }, client);
}

function write(text) {
  const item = { type: 'message', role: 'user', content: [{ type: 'input_text', text }] };
  realtime.send({ type: 'conversation.item.create', item });
  realtime.send({ type: 'response.create' });
}

function speak(name) {
  return seen.speak(wanted.pcm[name], (pcm) =>
    realtime.send({ type: 'input_audio_buffer.append', audio: pcm.toString('base64') }),
  );
}

let spoken; // the item that is heard now
realtime.on('event', (event) => {
  seen.note(event.type);
  if (event.type === 'response.output_audio.delta') {
    spoken = event.item_id;
    tell('audio', { bytes: Buffer.from(event.delta, 'base64').length });
  } else {
    tell('event', { event });
  }
});
realtime.on('input_audio_buffer.speech_started', () => {
  if (!spoken) return;
  realtime.send({ type: 'conversation.item.truncate', item_id: spoken, content_index: 0, audio_end_ms: 100 });
});
realtime.on('response.created', () => (spoken = undefined));
realtime.on('error', (error) => tell('error', { text: error.message }));
realtime.on('response.function_call_arguments.done', async (call) => {
  tell('tool', { name: call.name, arguments: JSON.parse(call.arguments) });
  await seen.until('response.done', seen.count('response.done') + 1);
  const item = { type: 'function_call_output', call_id: call.call_id, output: 'sunny' };
  realtime.send({ type: 'conversation.item.create', item });
  realtime.send({ type: 'response.create' });
});

const acts = {
  async speak(ends) {
    await speak('question');
    await seen.until('response.done', ends + 1);
  },
  async tool(ends) {
    write('call weather {"city": "Paris"}');
    await seen.until('response.done', ends + 2);
  },
  async interrupt(ends) {
    const heard = seen.count('response.output_audio.delta');
    write('slow ' + 'One. Two. Three. '.repeat(30));
    await seen.until('response.output_audio.delta', heard + 2);
    await speak('interruption');
    await seen.until('conversation.item.truncated');
    await seen.until('response.done', ends + 2);
  },
};

await seen.until('session.created');
const weather = { type: 'function', name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } };
const audio = { input: { transcription: { model: 'gpt-4o-mini-transcribe' } } };
realtime.send({ type: 'session.update', session: { type: 'realtime', tools: [weather], audio } });
await seen.until('session.updated');
for (const name of wanted.acts) {
  await acts[name](seen.count('response.done'));
  tell('acted', { name });
}
realtime.close();
