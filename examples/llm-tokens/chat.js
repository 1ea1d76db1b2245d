// The format of Vercel's AI SDK, from a run that goes on without readers. `useChat({ resume: true })` finds the run
// after a reload.
import { randomUUID } from 'node:crypto'
import { createChannel } from '@tidings/core'
import { lastEventIdOf } from '@tidings/express'
import express from 'express'
import { complete } from './model.js'
import { promptOf } from './prompt-of.js'

const MOST_CHATS = Number(process.env.MOST_CHATS ?? 100)
const AS_UI_MESSAGES = { headers: { 'x-vercel-ai-ui-message-stream': 'v1' } }
/** @type {Map<string, { messages: object[], run: import('@tidings/core').Channel }>} */
const chats = new Map()

export const chat = express.Router()

chat.post('/api/chat', (req, res) => {
  const { id, messages } = req.body ?? {}
  const prompt = promptOf(messages)
  if (typeof id !== 'string' || prompt === undefined) return res.status(400).send('A chat has an id, and messages of which the last has parts.')
  // More messages than any answer has, so that a run is kept whole. This client keeps no ids, so none are sent.
  const run = createChannel({ history: { messages: 10_000 }, position: false })
  chats.delete(id)
  chats.set(id, { messages: [...messages], run })
  // Forgets the oldest chat. Its present readers get the rest of it. Later requests get 204.
  for (const oldest of chats.keys()) if (chats.size > MOST_CHATS) chats.delete(oldest)
  answer(chats.get(id), prompt)
  run.subscribe(res.sse(AS_UI_MESSAGES), { after: 'start' })
})

/** Answers `reconnectToStream`: with the whole answer while it is being made, else with 204. */
chat.get('/api/chat/:id/stream', async (req, res) => {
  const run = chats.get(req.params.id)?.run
  if (!run || (await run.ended(lastEventIdOf(req)))) return res.status(204).end()
  run.subscribe(res.sse(AS_UI_MESSAGES), { after: 'start' })
})

/** Gives a page that reloads the finished answers. */
chat.get('/api/chat/:id', (req, res) => {
  res.json(chats.get(req.params.id)?.messages ?? [])
})

/** @param {{ messages: object[], run: import('@tidings/core').Channel }} chat @param {string} prompt */
async function answer({ messages, run }, prompt) {
  const [messageId, id] = [randomUUID(), randomUUID()]
  let text = ''
  try {
    run.publish({ data: { type: 'start', messageId } })
    run.publish({ data: { type: 'text-start', id } })
    for await (const delta of complete(prompt)) {
      text += delta
      run.publish({ data: { type: 'text-delta', id, delta } })
    }
    run.publish({ data: { type: 'text-end', id } })
    run.publish({ data: { type: 'finish' } })
    // Before the end, so that a page which gets 204 finds the answer here.
    messages.push({ id: messageId, role: 'assistant', parts: [{ type: 'text', text, state: 'done' }] })
  } catch (error) {
    console.error(error)
    run.publish({ data: { type: 'error', errorText: 'The model failed.' } })
  }
  run.publish({ data: '[DONE]' })
  run.end()
}
