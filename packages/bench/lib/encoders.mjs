import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { encodeMessage } from '@tidings/core'
import { encodeFrame, joinLong } from '@tidings/core/internal'
import { createEventBuffer } from 'better-sse'
import { encodeData, encode as encodeEvent } from 'eventsource-encoder'
import { SSEStreamingApi } from 'hono/streaming'

const require = createRequire(import.meta.url)

// What a stream over Node's response does with a message.
const bytesOf = (message) => {
  const frame = encodeFrame(message, undefined, joinLong)
  return typeof frame === 'string' ? Buffer.from(frame) : frame
}

// These two keep their formatter to themselves. Cut out of the installed file it runs without what stands around it (a
// promise, a stream), which is to the peer's advantage.
const formatH3 = privateFunction(join(dirname(require.resolve('h3/package.json')), 'dist/h3.mjs'), 'formatEventStreamMessage', ['_sanitizeSingleLine'])
const formatFastify = privateFunction(require.resolve('@fastify/sse'), 'formatSSEMessage')

/**
 * Hono formats inside an async method of its stream. The stream here keeps the text, and neither encodes nor writes
 * it.
 */
class TextOfHono extends SSEStreamingApi {
  text = ''
  constructor() {
    const { readable, writable } = new TransformStream()
    super(writable, readable)
  }
  write(text) {
    this.text = text
  }
}
const hono = new TextOfHono()

// One buffer for all messages, as its sessions have it. It writes text as JSON unless told otherwise.
const betterJson = createEventBuffer()
const betterText = createEventBuffer({ serializer: (text) => text })
const take = (buffer) => {
  const text = buffer.read()
  buffer.clear()
  return text
}

/**
 * Message to wire text, each by the shortest way that the library has. `text` is for data that is a string, `lines`
 * for a string of several lines where that needs another way, `event` for `{ event, data, id }` with an object as
 * data. `bytes` goes from message to bytes where that is not `Buffer.from` the text.
 */
export const ENCODERS = {
  tidings: {
    text: (data) => encodeMessage(data),
    bytes: bytesOf,
    event: (message) => encodeMessage(message),
  },
  'tidings, { data }': {
    text: (data) => encodeMessage({ data }),
    bytes: (data) => bytesOf({ data }),
  },
  'better-sse': {
    text: (data) => take(betterText.data(data).dispatch()),
    // It puts `data:` before the first line alone, so that several lines arrive whole as JSON only.
    lines: (data) => take(betterJson.data(data).dispatch()),
    event: ({ event, data, id }) => take(betterJson.push(data, event, id)),
  },
  hono: {
    text: async (data) => {
      await hono.writeSSE({ data })
      return hono.text
    },
    event: async ({ event, data, id }) => {
      await hono.writeSSE({ event, data: JSON.stringify(data), id })
      return hono.text
    },
  },
  h3: {
    text: (data) => formatH3({ data }),
    event: ({ event, data, id }) => formatH3({ event, data: JSON.stringify(data), id }),
  },
  'eventsource-encoder': {
    text: (data) => encodeData(data),
    event: ({ event, data, id }) => encodeEvent({ event, data: JSON.stringify(data), id }),
  },
  '@fastify/sse': {
    text: (data) => formatFastify(data),
    event: (message) => formatFastify(message, JSON.stringify),
  },
}

function privateFunction(file, name, needed = []) {
  const source = readFileSync(file, 'utf8')
  const functions = [name, ...needed].map((each) => {
    const [found] = source.match(new RegExp(`^function ${each} ?\\([\\s\\S]*?^}`, 'm')) ?? []
    if (found === undefined) throw new Error(`${file} has no function ${each} any more; look how it formats now`)
    return found
  })
  return new Function(`'use strict'\n${functions.join('\n')}\nreturn ${name}`)()
}
