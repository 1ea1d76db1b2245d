// The format of the OpenAI SDK: one chunk in each unnamed event, then `[DONE]`.
import { randomUUID } from 'node:crypto'
import express from 'express'
import { answerTo, complete } from './model.js'
import { promptOf } from './prompt-of.js'

export const openai = express.Router()

openai.post('/v1/chat/completions', async (req, res) => {
  const { messages, model = 'lighthouse', stream: streamed, stream_options: options } = req.body ?? {}
  const prompt = promptOf(messages)
  if (prompt === undefined) {
    const message = 'messages is a list of which the last has content.'
    return res.status(400).json({ error: { message, type: 'invalid_request_error', param: 'messages', code: null } })
  }
  const head = { id: `chatcmpl-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model }
  if (!streamed) return res.json(completion(head, prompt))

  const stream = res.sse()
  const whole = await stream.sendAll(chunks(head, prompt, options?.include_usage === true), (chunk) => ({ data: chunk }))
  if (whole) stream.send('[DONE]')
  stream.close()
})

/** @param {{ id: string, created: number, model: string }} head @param {string} prompt */
function completion(head, prompt) {
  const message = { role: 'assistant', content: answerTo(prompt).join(''), refusal: null }
  return { ...head, object: 'chat.completion', choices: [{ index: 0, message, logprobs: null, finish_reason: 'stop' }], usage: usageOf(prompt) }
}

/** @param {{ id: string, created: number, model: string }} head @param {string} prompt @param {boolean} withUsage */
async function* chunks(head, prompt, withUsage) {
  const chunk = (delta, finishReason = null) => ({
    ...head,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
  })
  yield chunk({ role: 'assistant', content: '' })
  for await (const token of complete(prompt)) yield chunk({ content: token })
  yield chunk({}, 'stop')
  if (withUsage) yield { ...head, object: 'chat.completion.chunk', choices: [], usage: usageOf(prompt) }
}

/** @param {string} prompt */
function usageOf(prompt) {
  const [asked, answered] = [prompt.split(/\s+/).length, answerTo(prompt).length]
  return { prompt_tokens: asked, completion_tokens: answered, total_tokens: asked + answered }
}
