import { readEventStream } from '@tidings/testing'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ANSWER, PROMPT, TOKENS } from './answer.ts'
import { type RunningServer, startServer } from './running-server.ts'

const QUESTION = { model: 'lighthouse', messages: [{ role: 'user', content: PROMPT }] } satisfies OpenAI.ChatCompletionCreateParams
const USAGE = { prompt_tokens: 5, completion_tokens: TOKENS.length, total_tokens: 5 + TOKENS.length }

describe('chat completions', () => {
  let server: RunningServer
  let client: OpenAI

  beforeAll(async () => {
    server = await startServer()
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 })
  })

  afterAll(async () => {
    expect(await server.end()).toEqual([0, null])
  })

  it('gives the openai package every chunk, in order', async () => {
    const chunks = []
    for await (const chunk of await client.chat.completions.create({ ...QUESTION, stream: true, stream_options: { include_usage: true } })) chunks.push(chunk)
    const { id, created } = chunks[0] ?? {}
    const head = { id: expect.stringMatching(/^chatcmpl-/), created: expect.any(Number), model: 'lighthouse', object: 'chat.completion.chunk' }
    const choice = (delta: object, finish_reason: string | null = null): object => ({ ...head, choices: [{ index: 0, delta, logprobs: null, finish_reason }] })
    expect(chunks).toEqual([
      choice({ role: 'assistant', content: '' }),
      ...TOKENS.map((content) => choice({ content })),
      choice({}, 'stop'),
      { ...head, choices: [], usage: USAGE },
    ])
    expect(chunks.every((chunk) => chunk.id === id && chunk.created === created)).toBe(true)
  })

  it('makes a whole completion in the package, by its own reading', async () => {
    const run = client.chat.completions.stream(QUESTION)
    expect(await run.finalContent()).toBe(ANSWER)
    expect((await run.finalChatCompletion()).choices[0]?.finish_reason).toBe('stop')
  })

  it('ends the stream after [DONE]', async () => {
    const headers = { 'content-type': 'application/json', accept: 'application/json' }
    const body = JSON.stringify({ ...QUESTION, stream: true })
    const { events, ended } = await readEventStream(fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers, body }))
    expect(events).toHaveLength(1 + TOKENS.length + 1 + 1)
    expect(events.at(-1)).toEqual({ event: 'message', data: '[DONE]', id: undefined })
    expect(ended).toBe(true)
  })

  it('ends its streams and itself when it is told to, in the middle of an answer', async () => {
    const other = await startServer()
    const body = JSON.stringify({ ...QUESTION, stream: true })
    const response = await fetch(`${other.url}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    expect(await other.end()).toEqual([0, null])
    const { events, ended, retry } = await readEventStream(response)
    expect(events.length).toBeLessThan(TOKENS.length)
    expect([ended, typeof retry]).toEqual([true, 'number'])
  })

  it('answers in JSON where no stream is asked for', async () => {
    expect(await client.chat.completions.create(QUESTION)).toEqual({
      id: expect.stringMatching(/^chatcmpl-/),
      object: 'chat.completion',
      created: expect.any(Number),
      model: 'lighthouse',
      choices: [{ index: 0, message: { role: 'assistant', content: ANSWER, refusal: null }, logprobs: null, finish_reason: 'stop' }],
      usage: USAGE,
    })
  })

  it('refuses a question without messages in the words that the package understands', async () => {
    await expect(client.chat.completions.create({ ...QUESTION, messages: [] })).rejects.toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      param: 'messages',
    })
  })
})
