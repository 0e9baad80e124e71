// A program with the npm package `@openai/agents`: an agent with a tool, spoken to, and interrupted.
//
// Only the address is not the package's own.

import { hostedMcpTool } from '@openai/agents';
import { RealtimeAgent, RealtimeSession, tool } from '@openai/agents/realtime';
import { z } from 'zod';
// The schemas by which the package knows an event; what they do not take, it passes over in silence.
import { realtimeServerEventSchema } from './node_modules/@openai/agents-realtime/dist/openaiRealtimeEvents.mjs';
import { Happenings, task, tell } from './telling.mjs';

const wanted = await task();
const seen = new Happenings();

const weather = tool({
  name: 'weather',
  description: 'Tell the weather of a city.',
  parameters: z.object({ city: z.string() }),
  async execute({ city }) {
    tell('tool', { city });
    return `sunny in ${city}`;
  },
});
const calculator = hostedMcpTool({ serverLabel: 'calc', serverUrl: wanted.tools, requireApproval: 'always' });
const tools = wanted.tools ? [weather, calculator] : [weather];
const agent = new RealtimeAgent({ name: 'Helper', instructions: 'Be helpful.', tools });
const session = new RealtimeSession(agent, { transport: 'websocket', model: wanted.model });

session.on('transport_event', (event) => {
  seen.note(event.type);
  const known = realtimeServerEventSchema.safeParse(event);
  const isOurs = event.event_id !== undefined; // the package has events of its own here
  if (isOurs && !known.success) tell('unknown', { event, problems: known.error.issues });
});
session.on('audio', (event) => tell('audio', { bytes: event.data.byteLength }));
session.on('audio_interrupted', () => {
  tell('interrupted');
  seen.note('audio_interrupted');
});
session.on('agent_tool_end', (_context, _agent, _tool, result) => tell('tool_end', { result }));
session.on('mcp_tools_changed', (listed) => {
  tell('mcp_tools', { names: listed.map(({ name }) => name) });
  seen.note('mcp_tools');
});
session.on('tool_approval_requested', (_context, _agent, { approvalItem }) => {
  tell('approval_asked', { name: approvalItem.rawItem.name });
  session.approve(approvalItem);
});
session.on('mcp_tool_call_completed', (_context, _agent, { name, output }) => tell('mcp_call', { name, output }));
session.on('error', (event) => tell('error', { text: JSON.stringify(event) }));

async function speak(name) {
  await seen.speak(wanted.pcm[name], (pcm) =>
    session.sendAudio(pcm.buffer.slice(pcm.byteOffset, pcm.byteOffset + pcm.byteLength)),
  );
}

const acts = {
  async speak(ends) {
    await speak('question');
    await seen.until('response.done', ends + 1);
    await seen.until('conversation.item.retrieved');
  },
  async tool(ends) {
    session.sendMessage('call weather {"city": "Paris"}');
    await seen.until('response.done', ends + 2);
  },
  async interrupt(ends) {
    const heard = seen.count('response.output_audio.delta');
    session.sendMessage('slow ' + 'One. Two. Three. '.repeat(30));
    await seen.until('response.output_audio.delta', heard + 2);
    await speak('interruption');
    await seen.until('audio_interrupted');
    await seen.until('conversation.item.truncated');
    await seen.until('response.done', ends + 2);
    await seen.until('conversation.item.retrieved', 3);
  },
  async mcp(ends) {
    await seen.until('mcp_tools');
    session.sendMessage('call add {"a": 2, "b": 40}');
    await seen.until('response.done', ends + 2);
  },
  async misheard() {
    await speak('question');
    await seen.until('conversation.item.input_audio_transcription.failed');
  },
};

await session.connect({ apiKey: 'none', url: `${wanted.url.replace('http', 'ws')}/v1/realtime?model=${wanted.model}` });
for (const name of wanted.acts) {
  await acts[name](seen.count('response.done'));
  tell('acted', { name });
}
tell('history', { items: session.history });
session.close();
