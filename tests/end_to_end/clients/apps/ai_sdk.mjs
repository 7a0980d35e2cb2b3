// The ways of calling the API that @ai-sdk/google has: a line of JSON each, saying what it told the app.
// `node ai_sdk.mjs PROMPTS`, prompts by way as JSON.
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';

globalThis.AI_SDK_LOG_WARNINGS = false;
const PROMPTS = JSON.parse(process.argv[2]);
const provider = (settings) => createGoogleGenerativeAI({
  baseURL: `${process.env.GOOGLE_GEMINI_BASE_URL}/v1beta`,
  apiKey: process.env.GEMINI_API_KEY,
  ...settings,
});
const google = provider();
const model = google.interactions('gemini-2.5-flash');
const job = (settings = {}) => ({
  model: provider(settings).interactions({ agent: 'deep-research-pro-preview-12-2025' }),
  providerOptions: { google: { background: true } },
});
const link = (id) => ({ providerOptions: { google: { previousInteractionId: id } } });
const create = (way, more = {}) => generateText({ model, prompt: PROMPTS[way], ...more });
const idOf = (result) => result.providerMetadata?.google?.interactionId;
const told = (result) => ({ id: idOf(result), text: result.text });

async function streamed(way, more = {}) {
  let text = '';
  let error = null;
  const result = streamText({ model, prompt: PROMPTS[way], onError: () => {}, ...more });
  try {
    for await (const part of result.fullStream) {
      if (part.type === 'text-delta') text += part.text;
      if (part.type === 'error') error = part.error.constructor.name;
    }
  } catch (raised) {
    error = raised.constructor.name;
  }
  return error ? [{ text, error }] : [{ id: (await result.providerMetadata)?.google?.interactionId, text }];
}

async function refused(way, more) {
  try {
    await create(way, more);
  } catch (error) {
    return [{ error: error.constructor.name, http_status: error.statusCode }];
  }
}

const WAYS = {
  plain: async () => [told(await create('plain'))],
  stream: () => streamed('stream'),
  'two turns': async () => {
    const first = await create('two turns');
    return [told(first), told(await create('second turn', link(idOf(first))))];
  },
  fork: async () => {
    const root = await create('fork');
    const all = [root];
    for (const branch of ['left', 'right']) all.push(await create(branch, link(idOf(root))));
    return all.map(told);
  },
  'tool loop': async () => {
    const { name, description, parameters } = PROMPTS.tool;
    const weather = tool({ description, inputSchema: jsonSchema(parameters), execute: () => ({ weather: 'rain' }) });
    const result = await create('tool loop', { tools: { [name]: weather }, stopWhen: stepCountIs(3) });
    return result.steps.map(told);
  },
  background: async () => [told(await create('background', job()))],
  cancel: async () => {
    // The app loses patience before the first poll.
    const patience = new AbortController();
    const impatient = (url, init) => {
      if (init.method === 'GET') patience.abort();
      return fetch(url, init);
    };
    try {
      await create('cancel', { ...job({ fetch: impatient }), abortSignal: patience.signal });
    } catch (error) {
      return [{ error: error.name }];
    }
  },
  resume: () => streamed('resume what broke', job()),
  400: () => refused('400'),
  404: () => refused('404', link('v1_nobody')),
  429: async () => [told(await create('429'))],
  cut: () => streamed('cut'),
};

for (const [way, run] of Object.entries(WAYS)) {
  try {
    console.log(JSON.stringify({ way, told: await run() }));
  } catch (error) {
    console.log(JSON.stringify({ way, failed: String(error) }));
  }
}
