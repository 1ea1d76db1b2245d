import type { Http2ServerRequest } from 'node:http2'
import { bodyDropped } from '../errors.ts'
import type { NodeRequest, NodeResponse } from './node-messages.ts'

// The events that a reader of a body listens to. `end` is among them because `Readable.toWeb` listens to it first.
const READING: ReadonlySet<string | symbol> = new Set(['data', 'readable', 'end'])

/**
 * Drops a body that no code has begun to read by the next turn of the event loop. An unread body would hide that the
 * peer leaves, and would block its upload. A later attempt to read it throws `ERR_SSE_BODY_DROPPED`.
 *
 * @param onDrop called before the body is dropped
 */
export function dropUnreadBody(req: NodeRequest, res: NodeResponse, onDrop?: () => void): void {
  if (!hasBody(req)) return
  setImmediate(() => {
    if (req.readableFlowing !== null || req.listenerCount('readable') > 0 || hasEnded(req, res)) return
    onDrop?.()
    // The last byte stays: without it the request would end, and look to a late reader like one with an empty body.
    const drop = (): void => {
      if (req.readableLength > 1) req.read(req.readableLength - 1)
    }
    const refuse = (event: string | symbol): void => {
      if (!READING.has(event)) return
      if (!hasEnded(req, res)) throw bodyDropped()
      // Node itself reads the rest, to get to the next request on the connection.
      release()
    }
    const release = (): void => {
      res.off('close', release)
      req.off('readable', drop)
      req.off('newListener', refuse)
      // `resume` has no effect in the tick in which the last `readable` listener is removed.
      process.nextTick(() => req.resume())
    }
    req.on('readable', drop)
    req.on('newListener', refuse)
    res.on('close', release)
  })
}

function hasEnded(req: NodeRequest, res: NodeResponse): boolean {
  return req.destroyed || res.destroyed || res.writableEnded
}

function hasBody(req: NodeRequest): boolean {
  if (req.httpVersionMajor >= 2) return !(req as Http2ServerRequest).stream.endAfterHeaders
  // A request has a body only with one of these headers (RFC 9112 6.3). Reading a request without one would emit
  // `close`, and handlers would think that the peer has left.
  return req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length']) > 0
}
