import { createServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { chunkOf, frameOf } from './messages.mjs'

const HEAD = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache, no-transform', 'X-Accel-Buffering': 'no' }
const OPENING = ':\n\n'

/**
 * Makes a server. `publish(data, channel)` publishes a message on it. `publishAll(list)` publishes many at once, in
 * the library's own way if it has one.
 */
export async function createVariant(name, { channels, history }) {
  if (!Object.hasOwn(VARIANTS, name)) throw new Error(`${name} is no variant; there are ${Object.keys(VARIANTS).join(', ')}`)
  const variant = await VARIANTS[name]({ channels, history })
  return {
    channels,
    publishAll(list) {
      for (const data of list) variant.publish(data, 0)
    },
    ...variant,
  }
}

const VARIANTS = {
  /** The public API with its defaults: ids, a history and bounds on slow readers. */
  express: (options) => onExpress(options),
  'express without pacing': async (options) => {
    await stopPacing()
    return onExpress(options)
  },
  /** Two named channels on each stream, which publish in turn. */
  async 'express, two channels'({ history }) {
    const { createChannel } = await import('@tidings/core')
    const { sse } = await import('@tidings/express')
    const both = ['a', 'b'].map((name) => createChannel({ name, history: { messages: history, bytes: 2 ** 30 } }))
    const server = await onPlainExpress((_req, res) => {
      const stream = res.sse()
      for (const channel of both) channel.subscribe(stream)
    }, sse())
    let number = 0
    return { server, publish: (data) => both[number++ % 2].publish({ data }) }
  },
  /** Messages that the channel does not keep. */
  async 'express, keep: false'({ history }) {
    const { createChannel } = await import('@tidings/core')
    const { sse } = await import('@tidings/express')
    const channel = createChannel({ history: { messages: history, bytes: 2 ** 30 } })
    const server = await onPlainExpress((_req, res) => void channel.subscribe(res.sse()), sse())
    return { server, publish: (data) => channel.publish({ data }, { keep: false }) }
  },
  hono: (options) => onHono(options),
  'hono without pacing': async (options) => {
    await stopPacing()
    return onHono(options)
  },
  /** The same streams, with a loop over their sockets that writes the same bytes. */
  'express, and by hand': async (options) => {
    const sockets = new Set()
    const opened = ({ socket }) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    }
    return { ...(await onExpress(options, opened)), publishByHand: writingTo(sockets) }
  },

  /** Hono without a Node response, as on other runtimes. */
  'hono, web stream': (options) => onHono(options, { web: true }),

  async 'better-sse'({ channels }) {
    const { createChannel, createSession } = await import('better-sse')
    const all = Array.from({ length: channels }, () => createChannel())
    const server = await onPlainExpress(async (req, res) => {
      all[channelOf(req.url)].register(await createSession(req, res, { serializer: String }))
    })
    return { server, publish: (data, channel) => void all[channel].broadcast(data) }
  },

  /** Its event buffer is filled once and sent to each session. */
  async 'better-sse, batched by hand'() {
    const { createChannel, createEventBuffer, createSession } = await import('better-sse')
    const channel = createChannel()
    const server = await onPlainExpress(async (req, res) => {
      channel.register(await createSession(req, res, { serializer: String }))
    })
    const publishAll = (list) => {
      const buffer = createEventBuffer({ serializer: String })
      for (const data of list) buffer.push(data)
      for (const session of channel.activeSessions) session.batch(buffer)
    }
    return { server, publish: (data) => publishAll([data]), publishAll }
  },

  async 'res.write'() {
    const open = new Set()
    const server = await onPlainExpress((_req, res) => {
      res.set(HEAD)
      res.write(OPENING)
      open.add(res)
      res.on('close', () => open.delete(res))
    })
    let number = 0
    return {
      server,
      publish(data) {
        const frame = frameOf(data, ++number)
        for (const res of open) res.write(frame)
      },
    }
  },

  /** A constant head in place of HTTP, and one buffer for all sockets. */
  net() {
    const open = new Set()
    const lines = ['HTTP/1.1 200 OK', ...Object.entries(HEAD).map((pair) => pair.join(': ')), 'Transfer-Encoding: chunked', '', '']
    const server = createTcpServer({ noDelay: true }, (socket) => {
      socket.once('data', () => {
        socket.write(`${lines.join('\r\n')}${chunkOf(OPENING)}`)
        open.add(socket)
      })
      socket.on('error', () => {})
      socket.on('close', () => open.delete(socket))
    })
    const publishAll = writingTo(open)
    return { server, publish: (data) => publishAll([data]), publishAll }
  },

  async streamSSE() {
    const { createAdaptorServer } = await import('@hono/node-server')
    const { Hono } = await import('hono')
    const { streamSSE } = await import('hono/streaming')
    const open = new Set()
    const app = new Hono()
    app.get('/', (c) =>
      streamSSE(c, (stream) => {
        open.add(stream)
        stream.write(OPENING)
        return new Promise((resolve) => {
          stream.onAbort(() => {
            open.delete(stream)
            resolve()
          })
        })
      }),
    )
    let number = 0
    return {
      server: createAdaptorServer({ fetch: app.fetch }),
      publish(data) {
        const message = { data, id: `0123456789abcdef0123456789abcdef-${++number}` }
        for (const stream of open) stream.writeSSE(message)
      },
    }
  },
}

/** Returns a function that writes one buffer to all sockets. */
function writingTo(sockets) {
  let number = 0
  return (list) => {
    const chunk = chunkOf(list.map((data) => frameOf(data, ++number)).join(''))
    for (const socket of sockets) socket.write(chunk)
  }
}

async function onExpress(options, opened = () => {}) {
  const { sse } = await import('@tidings/express')
  const { publish, subscribe } = await channelsOf(options)
  const server = await onPlainExpress((req, res) => {
    subscribe(res.sse(), req.url)
    opened(res)
  }, sse())
  return { server, publish }
}

async function onHono(options, { web = false } = {}) {
  const { createAdaptorServer } = await import('@hono/node-server')
  const { Hono } = await import('hono')
  const { sse } = await import('@tidings/hono')
  const { publish, subscribe } = await channelsOf(options)
  const app = new Hono()
  app.use(sse())
  app.get('/', (c) => c.var.sse((stream) => subscribe(stream, c.req.url)))
  return { server: createAdaptorServer({ fetch: web ? (request) => app.fetch(request) : app.fetch }), publish }
}

async function channelsOf({ channels, history }) {
  const { createChannel } = await import('@tidings/core')
  const all = Array.from({ length: channels }, () => createChannel({ history: { messages: history, bytes: 2 ** 30 } }))
  return {
    publish: (data, channel, topic) => all[channel].publish({ data }, { topic }),
    subscribe(stream, url) {
      const topic = searchOf(url).get('topic')
      all[channelOf(url)].subscribe(stream, topic === null ? {} : { topics: [`topic/${topic}`] })
    },
  }
}

async function onPlainExpress(handler, middleware = (_req, _res, next) => next()) {
  const { default: express } = await import('express')
  const app = express()
  app.use(middleware)
  app.get('/', handler)
  return createServer(app)
}

/** Replaces the pacer of this process by one that always flushes in the next turn. */
export async function stopPacing() {
  const { pacer } = await import(new URL('lib/delivery/pacer.js', import.meta.resolve('@tidings/core')).href)
  const pending = new Set()
  pacer.schedule = (channel) => {
    pending.add(channel)
    if (pending.size > 1) return
    setImmediate(() => {
      const channels = [...pending]
      pending.clear()
      for (const each of channels) each.flush()
    })
  }
}

function channelOf(url) {
  return Number(searchOf(url).get('channel') ?? 0)
}

function searchOf(url) {
  return new URL(url, 'http://127.0.0.1').searchParams
}
