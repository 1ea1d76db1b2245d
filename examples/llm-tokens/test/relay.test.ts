import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { ANSWER, PROMPT, TOKENS } from './answer.ts'
import { type RunningServer, startServer } from './running-server.ts'

const MESSAGES: { role: 'user'; content: string }[] = [{ role: 'user', content: PROMPT }]

describe('a relay', () => {
  let upstream: RunningServer
  let server: RunningServer
  let openai: OpenAI
  let anthropic: Anthropic

  beforeAll(async () => {
    upstream = await startServer()
    server = await startServer({ UPSTREAM: upstream.url })
    openai = new OpenAI({ baseURL: `${server.url}/relay/v1`, apiKey: 'none', maxRetries: 0 })
    anthropic = new Anthropic({ baseURL: `${server.url}/relay`, apiKey: 'none', maxRetries: 0 })
  })

  afterAll(async () => {
    expect(await server.end()).toEqual([0, null])
    expect(await upstream.end()).toEqual([0, null])
  })

  it('passes every chunk on that its SDK gives it', async () => {
    const contents = []
    for await (const { choices } of await openai.chat.completions.create({ model: 'lighthouse', messages: MESSAGES, stream: true }))
      contents.push(...choices.map(({ delta }) => delta.content))
    expect(contents).toEqual(['', ...TOKENS, undefined])
    await upstream.said('POST /v1/chat/completions whole')
    await server.said('POST /relay/v1/chat/completions whole')
  })

  it('ends the upstream request of its SDK when its reader leaves', async () => {
    const read = []
    for await (const { choices } of await openai.chat.completions.create({ model: 'lighthouse', messages: MESSAGES, stream: true })) {
      read.push(choices[0]?.delta.content)
      if (read.length === 4) break
    }
    expect(read).toEqual(['', ...TOKENS.slice(0, 3)])
    await server.said('POST /relay/v1/chat/completions left')
    await upstream.said('POST /v1/chat/completions left')
  })

  it('passes every event on that it fetches', async () => {
    expect(await anthropic.messages.stream({ model: 'lighthouse', max_tokens: 1_000, messages: MESSAGES }).finalText()).toBe(ANSWER)
    await upstream.said('POST /v1/messages whole')
    await server.said('POST /relay/v1/messages whole')
  })

  it('ends the request that it fetches when its reader leaves', async () => {
    for await (const event of await anthropic.messages.create({ model: 'lighthouse', max_tokens: 1_000, messages: MESSAGES, stream: true }))
      if (event.type === 'content_block_delta') break
    await server.said('POST /relay/v1/messages left')
    await upstream.said('POST /v1/messages left')
  })

  it('ends a request upstream that has not been answered yet', async () => {
    const silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const before = await startServer({ UPSTREAM: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` })
    onTestFinished(async () => {
      expect(await before.end()).toEqual([0, null])
      silent.close()
    })
    for (const path of ['/relay/v1/chat/completions', '/relay/v1/messages']) {
      const leave = new AbortController()
      const body = JSON.stringify({ messages: MESSAGES, stream: true })
      const asked = once(silent, 'request')
      await fetch(before.url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal: leave.signal })
      const [, unanswered] = (await asked) as [unknown, ServerResponse]
      leave.abort()
      await once(unanswered, 'close')
    }
  })

  it('tells the failure of the upstream within the stream, where both packages look for it', async () => {
    const message = 'messages is a list of which the last has content.'
    const chunks = await openai.chat.completions.create({ model: 'lighthouse', messages: [], stream: true })
    await expect(chunks[Symbol.asyncIterator]().next()).rejects.toMatchObject({ message: `400 ${message}`, type: 'invalid_request_error', param: 'messages' })
    const events = await anthropic.messages.create({ model: 'lighthouse', max_tokens: 1_000, messages: [], stream: true })
    await expect(events[Symbol.asyncIterator]().next()).rejects.toMatchObject({ error: { error: { type: 'invalid_request_error', message } } })
  })

  it('passes nothing on but streams', async () => {
    await expect(openai.chat.completions.create({ model: 'lighthouse', messages: MESSAGES })).rejects.toMatchObject({ status: 400 })
  })
})
