// Passes on the stream of another server at the reader's pace. `stream.signal` ends the request to the upstream when
// the client leaves.
import { EventSourceParserStream } from 'eventsource-parser/stream'
import express from 'express'
import OpenAI from 'openai'

export const relay = express.Router()

/** The upstream answers, or fails, after our head is sent. A failure goes into the stream, where the SDKs find it. */
relay.post('/relay/v1/chat/completions', onlyStreamed, async (req, res) => {
  const client = new OpenAI({ baseURL: `${upstreamOf(req)}/v1`, apiKey: process.env.UPSTREAM_KEY ?? 'none' })
  const stream = res.sse()
  try {
    const chunks = await client.chat.completions.create(req.body, { signal: stream.signal })
    if (await stream.sendAll(chunks, (chunk) => ({ data: chunk }))) stream.send('[DONE]')
  } catch (error) {
    stream.send({ data: { error: { message: error.message, type: error.type ?? 'upstream_error', param: error.param ?? null, code: error.code ?? null } } })
  }
  stream.close()
})

/** The same without an SDK: `fetch`, and a parser whose events are sent on unchanged. */
relay.post('/relay/v1/messages', onlyStreamed, async (req, res) => {
  const headers = { 'content-type': 'application/json', 'x-api-key': process.env.UPSTREAM_KEY ?? 'none', 'anthropic-version': '2023-06-01' }
  const stream = res.sse()
  try {
    const answer = await fetch(`${upstreamOf(req)}/v1/messages`, { method: 'POST', headers, body: JSON.stringify(req.body), signal: stream.signal })
    if (answer.ok) {
      const events = answer.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
      await stream.sendAll(events, ({ event, data }) => ({ event, data }))
    } else stream.send({ event: 'error', data: await answer.text() })
  } catch (error) {
    stream.send({ event: 'error', data: { type: 'error', error: { type: 'api_error', message: error.message } } })
  }
  stream.close()
})

function onlyStreamed(req, res, next) {
  if (req.body?.stream === true) next()
  else res.status(400).json({ error: { message: 'The relay passes streams on: ask with "stream": true.', type: 'invalid_request_error' } })
}

/** This server itself, unless another one is given. */
function upstreamOf(req) {
  return process.env.UPSTREAM ?? `http://127.0.0.1:${req.socket.localPort}`
}
