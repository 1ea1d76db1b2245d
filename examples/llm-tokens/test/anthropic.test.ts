import Anthropic from '@anthropic-ai/sdk'
import { readEventStream } from '@tidings/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ANSWER, PROMPT, TOKENS } from './answer.ts'
import { type RunningServer, startServer } from './running-server.ts'

const QUESTION = {
  model: 'lighthouse',
  max_tokens: 1_000,
  messages: [{ role: 'user', content: [{ type: 'text', text: PROMPT }] }],
} satisfies Anthropic.MessageCreateParams
const MESSAGE = { id: expect.stringMatching(/^msg_/), type: 'message', role: 'assistant', model: 'lighthouse', stop_sequence: null }
const PING = { type: 'ping' }
const EVENTS = [
  { type: 'message_start', message: { ...MESSAGE, content: [], stop_reason: null, usage: { input_tokens: 5, output_tokens: 1 } } },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  PING,
  ...TOKENS.map((text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
  { type: 'content_block_stop', index: 0 },
  { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: TOKENS.length } },
  { type: 'message_stop' },
]

describe('messages', () => {
  let server: RunningServer
  let client: Anthropic

  beforeAll(async () => {
    server = await startServer()
    client = new Anthropic({ baseURL: server.url, apiKey: 'none', maxRetries: 0 })
  })

  afterAll(async () => {
    expect(await server.end()).toEqual([0, null])
  })

  it('gives the @anthropic-ai/sdk package every event but the ping, in order', async () => {
    const events = []
    for await (const event of await client.messages.create({ ...QUESTION, stream: true })) events.push(event)
    expect(events).toEqual(EVENTS.filter((event) => event !== PING))
  })

  it('makes a whole message in the package, by its own reading', async () => {
    expect(await client.messages.stream(QUESTION).finalText()).toBe(ANSWER)
  })

  it('names each event after the type of its data', async () => {
    const body = JSON.stringify({ ...QUESTION, stream: true })
    const { events, ended } = await readEventStream(
      fetch(`${server.url}/v1/messages`, { method: 'POST', headers: { 'content-type': 'application/json' }, body }),
    )
    expect(events.map(({ event, data }) => [event, JSON.parse(data)])).toEqual(EVENTS.map((event) => [event.type, event]))
    expect(ended).toBe(true)
  })

  it('answers in JSON where no stream is asked for', async () => {
    expect(await client.messages.create(QUESTION)).toEqual({
      ...MESSAGE,
      content: [{ type: 'text', text: ANSWER }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 5, output_tokens: TOKENS.length },
    })
  })

  it('refuses a question without messages in the words that the package understands', async () => {
    await expect(client.messages.create({ ...QUESTION, messages: [] })).rejects.toMatchObject({ status: 400, type: 'invalid_request_error' })
  })
})
