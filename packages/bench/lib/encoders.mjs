import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { encodeMessage } from '@tidings/core'
import { encodeFrame, joinLong } from '@tidings/core/internal'
import { createEventBuffer } from 'better-sse'
import { encodeData, encode as encodeEvent } from 'eventsource-encoder'
import { SSEStreamingApi } from 'hono/streaming'

const require = createRequire(import.meta.url)

// A stream over Node's response encodes a message in this way.
const bytesOf = (message) => {
  const frame = encodeFrame(message, undefined, joinLong)
  return typeof frame === 'string' ? Buffer.from(frame) : frame
}

// These two packages do not export their formatter, so it is cut out of the installed file. It then runs without the
// promise or stream around it, which is to the peer's advantage.
const formatH3 = privateFunction(join(dirname(require.resolve('h3/package.json')), 'dist/h3.mjs'), 'formatEventStreamMessage', ['_sanitizeSingleLine'])
const formatFastify = privateFunction(require.resolve('@fastify/sse'), 'formatSSEMessage')

/** Hono formats in an async method of its stream. This stream keeps the text, and neither encodes nor writes it. */
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

// One buffer for all messages, as in its sessions. Without a serializer it writes text as JSON.
const betterJson = createEventBuffer()
const betterText = createEventBuffer({ serializer: (text) => text })
const take = (buffer) => {
  const text = buffer.read()
  buffer.clear()
  return text
}

/**
 * Encoders from a message to wire text, each by the shortest way that the library has. `text` takes a string, `event`
 * takes `{ event, data, id }` with an object as data. `lines` takes a string of several lines, if `text` cannot.
 * `bytes` goes from a message to bytes, if there is a better way than `Buffer.from` the text.
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
    // It writes `data:` before the first line only, so several lines arrive whole only as JSON.
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
