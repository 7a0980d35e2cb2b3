// Every way of calling the API with @google/genai: a line of JSON each, saying what the SDK told the app.
// `node node_sdk.mjs PROMPTS`, prompts by way as JSON.
import { GoogleGenAI } from '@google/genai';
import { setTimeout as sleep } from 'node:timers/promises';

const PROMPTS = JSON.parse(process.argv[2]);
const MODEL = 'gemini-2.5-flash';
const AGENT = 'deep-research-pro-preview-12-2025';
const tools = [PROMPTS.tool];
const api = new GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY }).interactions;
const create = (way, request = {}) => api.create({ model: MODEL, input: PROMPTS[way], ...request });
const job = (way) => api.create({ agent: AGENT, input: PROMPTS[way], background: true });
const parts = (interaction) => interaction.steps ?? interaction.outputs ?? [];

function told(interaction) {
  const texts = parts(interaction).flatMap((part) =>
    part.type === 'text' ? [part.text] : part.type === 'model_output' ? (part.content ?? []).map((c) => c.text ?? '') : []);
  return { id: interaction.id, status: interaction.status, text: texts.join('') };
}

class Stream {
  count = 0; text = ''; id = null; status = null; last = null;

  take(event) {
    this.count += 1;
    this.last = event.event_id;
    this.id = event.interaction?.id ?? this.id;
    this.status = event.interaction?.status ?? this.status;
    for (const content of event.step?.content ?? []) this.text += content.text ?? '';
    if (event.delta?.type === 'text') this.text += event.delta.text;
  }

  told() {
    return { id: this.id, status: this.status, text: this.text, events: this.count };
  }
}

async function refused(way, request) {
  try {
    await create(way, request);
  } catch (error) {
    return [{ error: error.constructor.name, http_status: error.status ?? error.statusCode }];
  }
}

const WAYS = {
  plain: async () => [told(await create('plain'))],
  stream: async () => {
    const seen = new Stream();
    for await (const event of await create('stream', { stream: true })) seen.take(event);
    return [seen.told()];
  },
  'two turns': async () => {
    const first = await create('two turns');
    return [told(first), told(await create('second turn', { previous_interaction_id: first.id }))];
  },
  fork: async () => {
    const root = await create('fork');
    const all = [root];
    for (const branch of ['left', 'right']) all.push(await create(branch, { previous_interaction_id: root.id }));
    return all.map(told);
  },
  'tool loop': async () => {
    const asked = await create('tool loop', { tools });
    const call = parts(asked).find((part) => part.type === 'function_call');
    const input = [{ type: 'function_result', call_id: call.id, name: call.name, result: { weather: 'rain' } }];
    return [told(asked), told(await create('tool loop', { input, tools, previous_interaction_id: asked.id }))];
  },
  background: async () => {
    let now = await job('background');
    let polls = 0;
    for (; now.status === 'in_progress'; polls += 1) {
      await sleep(50);
      now = await api.get(now.id);
    }
    return [{ ...told(now), polls }];
  },
  get: async () => {
    const made = await create('get');
    return [{ ...told(made), again: told(await api.get(made.id)) }];
  },
  cancel: async () => [told(await api.cancel((await job('cancel')).id))],
  delete: async () => {
    const made = await create('delete');
    await api.delete(made.id);
    return [{ ...told(made), then: await api.get(made.id).then(() => 'still there', (error) => error.constructor.name) }];
  },
  resume: async () => {
    const seen = new Stream();
    for await (const event of await create('resume', { stream: true })) {
      seen.take(event);
      if (seen.count === 5) break;
    }
    for await (const event of await api.get(seen.id, { stream: true, last_event_id: seen.last })) seen.take(event);
    return [seen.told()];
  },
  400: () => refused('400'),
  404: () => refused('404', { previous_interaction_id: 'v1_nobody' }),
  429: async () => [told(await create('429'))],
  cut: async () => {
    const seen = new Stream();
    try {
      for await (const event of await create('cut', { stream: true })) seen.take(event);
    } catch (error) {
      return [{ ...seen.told(), error: error.constructor.name }];
    }
    return [seen.told()];
  },
};

for (const [way, run] of Object.entries(WAYS)) {
  try {
    console.log(JSON.stringify({ way, told: await run() }));
  } catch (error) {
    console.log(JSON.stringify({ way, failed: String(error) }));
  }
}
