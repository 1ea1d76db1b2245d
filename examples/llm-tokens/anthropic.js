// The format of the Anthropic SDK: the name of each event is the `type` of its data. The SDK ignores other events.
import { randomUUID } from 'node:crypto'
import express from 'express'
import { answerTo, complete } from './model.js'
import { promptOf } from './prompt-of.js'

export const anthropic = express.Router()

anthropic.post('/v1/messages', async (req, res) => {
  const { messages, model = 'lighthouse', stream: streamed } = req.body ?? {}
  const prompt = promptOf(messages)
  if (prompt === undefined) {
    const message = 'messages is a list of which the last has content.'
    return res.status(400).json({ type: 'error', error: { type: 'invalid_request_error', message } })
  }
  const message = { id: `msg_${randomUUID()}`, type: 'message', role: 'assistant', model, content: [], stop_reason: null, stop_sequence: null }
  const usage = { input_tokens: prompt.split(/\s+/).length, output_tokens: answerTo(prompt).length }
  if (!streamed) return res.json({ ...message, content: [{ type: 'text', text: answerTo(prompt).join('') }], stop_reason: 'end_turn', usage })

  const stream = res.sse()
  await stream.sendAll(events(message, usage, prompt), (event) => ({ event: event.type, data: event }))
  stream.close()
})

/** @param {object} message @param {{ input_tokens: number, output_tokens: number }} usage @param {string} prompt */
async function* events(message, usage, prompt) {
  yield { type: 'message_start', message: { ...message, usage: { ...usage, output_tokens: 1 } } }
  yield { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }
  yield { type: 'ping' }
  for await (const text of complete(prompt)) yield { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }
  yield { type: 'content_block_stop', index: 0 }
  yield { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: usage.output_tokens } }
  yield { type: 'message_stop' }
}
