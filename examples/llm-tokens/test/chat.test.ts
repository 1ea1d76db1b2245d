import { DefaultChatTransport, readUIMessageStream, type UIMessage, type UIMessageChunk } from 'ai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ANSWER, PROMPT, TOKENS } from './answer.ts'
import { type RunningServer, startServer } from './running-server.ts'

const QUESTION: UIMessage = { id: 'question', role: 'user', parts: [{ type: 'text', text: PROMPT }] }
// Of an answer of about fifty.
const HALF = 25

describe('a chat', () => {
  let server: RunningServer
  let transport: DefaultChatTransport<UIMessage>

  beforeAll(async () => {
    server = await startServer({ MOST_CHATS: '2' })
    transport = new DefaultChatTransport({ api: `${server.url}/api/chat` })
  })

  afterAll(async () => {
    expect(await server.end()).toEqual([0, null])
  })

  const ask = (chatId: string): Promise<ReadableStream<UIMessageChunk>> =>
    transport.sendMessages({ chatId, messages: [QUESTION], trigger: 'submit-message', messageId: undefined, abortSignal: undefined })

  async function wholeOf(stream: ReadableStream<UIMessageChunk> | null): Promise<UIMessageChunk[]> {
    const chunks = []
    for await (const chunk of stream ?? []) chunks.push(chunk)
    return chunks
  }

  /** Checks that the chunks are all that make the answer, in order. */
  function expectWhole(chunks: UIMessageChunk[]): void {
    const id = expect.any(String)
    expect(chunks).toEqual([
      { type: 'start', messageId: id },
      { type: 'text-start', id },
      ...TOKENS.map((delta) => ({ type: 'text-delta', id, delta })),
      { type: 'text-end', id },
      { type: 'finish' },
    ])
  }

  it('gives the ai package every part, in order', async () => {
    expectWhole(await wholeOf(await ask('parts')))
  })

  it('makes a whole message in the package, by its own reading', async () => {
    let message: UIMessage | undefined
    for await (message of readUIMessageStream({ stream: await ask('message') }));
    expect(message).toEqual({ id: expect.any(String), role: 'assistant', metadata: undefined, parts: [{ type: 'text', text: ANSWER, state: 'done' }] })
  })

  it('goes on while its page reloads, and gives the page that comes back the whole', async () => {
    const reader = (await ask('reload')).getReader()
    const seen: UIMessageChunk[] = []
    while (seen.length < HALF) seen.push((await reader.read()).value as UIMessageChunk)
    await reader.cancel()
    await server.said('POST /api/chat left')

    const [first, second] = await Promise.all([transport.reconnectToStream({ chatId: 'reload' }), transport.reconnectToStream({ chatId: 'reload' })])
    const [one, other] = await Promise.all([wholeOf(first), wholeOf(second)])
    expectWhole(one)
    expect(other).toEqual(one)
    expect(one.slice(0, HALF)).toEqual(seen)

    // Nothing is under way any more: the page finds the answer where it finds the question.
    expect(await transport.reconnectToStream({ chatId: 'reload' })).toBeNull()
    const start = one[0] as { messageId: string }
    expect(await (await fetch(`${server.url}/api/chat/reload`)).json()).toEqual([
      QUESTION,
      { id: start.messageId, role: 'assistant', parts: [{ type: 'text', text: ANSWER, state: 'done' }] },
    ])
  })

  it('has nothing for a chat that it does not know, or has forgotten', async () => {
    expect(await transport.reconnectToStream({ chatId: 'unknown' })).toBeNull()
    const [first, ...others] = [await ask('first'), await ask('second'), await ask('third')]
    expect(await transport.reconnectToStream({ chatId: 'first' })).toBeNull()
    // Who reads it still gets all of it.
    for (const stream of [first, ...others, await transport.reconnectToStream({ chatId: 'third' })]) expectWhole(await wholeOf(stream ?? null))
  })

  it('says that its answer is a stream of UI messages', async () => {
    const body = JSON.stringify({ id: 'head', messages: [QUESTION] })
    const response = await fetch(`${server.url}/api/chat`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    expect(response.headers.get('x-vercel-ai-ui-message-stream')).toBe('v1')
    expect((await response.text()).match(/^data: .*/gm)?.at(-1)).toBe('data: [DONE]')
  })

  it('takes nothing but messages', async () => {
    await expect(
      transport.sendMessages({ chatId: 'none', messages: [], trigger: 'submit-message', messageId: undefined, abortSignal: undefined }),
    ).rejects.toThrow('A chat has an id')
  })
})
