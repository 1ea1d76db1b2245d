import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect as connectSocket, createServer as createSocketServer, type Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { EventStream } from '@tidings/core'
import * as forExpress from '@tidings/express'
import * as forHono from '@tidings/hono'
import * as forKoa from '@tidings/koa'
import express from 'express'
import { Hono } from 'hono'
import Koa from 'koa'

const RETRY = { retry: 1 }

/** Each framework, with one route that opens a stream. */
export const apps: Record<string, (open: (stream: EventStream) => void) => RequestListener> = {
  Express(open) {
    const app = express()
    app.use(forExpress.sse(RETRY))
    app.get('/', (_, res) => open(res.sse()))
    return app
  },
  Koa(open) {
    const app = new Koa()
    app.use(forKoa.sse(RETRY))
    app.use((ctx) => open(ctx.sse()))
    return app.callback()
  },
  Hono(open) {
    const app = new Hono()
    app.use(forHono.sse(RETRY))
    app.get('/', (c) => c.var.sse(open))
    return getRequestListener(app.fetch)
  },
}

/** What the proxy does to one connection after so many bytes of the response. */
export interface Cut {
  after: number
  by: 'destroy' | 'end' | 'stall'
}

/** Serves on the loopback address. With `nextCut`, a proxy in front breaks each connection. It holds nothing back. */
export async function serveBroken(
  listener: RequestListener,
  nextCut?: () => Cut | undefined,
): Promise<{ url: string; connections(): number; close(): Promise<void> }> {
  const server = createServer(listener)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const sockets = new Set<Socket>()
  let connections = 0
  const proxy = createSocketServer((downstream) => {
    connections++
    const upstream = connectSocket((server.address() as AddressInfo).port, '127.0.0.1')
    const cut = nextCut?.()
    let left = cut?.after ?? Number.POSITIVE_INFINITY
    for (const socket of [downstream, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => sockets.delete(socket))
    }
    downstream.pipe(upstream)
    upstream.on('data', (bytes) => {
      if (left <= 0) return
      const part = bytes.subarray(0, left)
      left -= part.length
      if (left > 0 || cut?.by === 'stall') downstream.write(part)
      else if (cut?.by === 'end') downstream.end(part)
      // The reset may overtake the bytes, as it does on a network.
      else downstream.write(part, () => downstream.destroy())
    })
    downstream.once('close', () => upstream.destroy())
    upstream.once('close', () => downstream.end())
  })
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${((nextCut ? proxy : server).address() as AddressInfo).port}/`,
    connections: () => connections,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.closeAllConnections()
      await Promise.all([server, proxy].map((each: Server | ReturnType<typeof createSocketServer>) => new Promise((resolve) => each.close(resolve))))
    },
  }
}
