import type { Http2ServerRequest } from 'node:http2'
import { bodyDropped } from '../errors.ts'
import type { NodeRequest, NodeResponse } from './node-messages.ts'

// What a reader of a body listens to. Some begin with the end, and could not cope with an error behind that:
// `Readable.toWeb`.
const READING: ReadonlySet<string | symbol> = new Set(['data', 'readable', 'end'])

/**
 * Drops a body that nobody has begun to read by the next turn: unread, it would hide the peer's leaving, and hold up
 * its upload. Reading it later throws `ERR_SSE_BODY_DROPPED`.
 *
 * @param onDrop called when it is about to be dropped
 */
export function dropUnreadBody(req: NodeRequest, res: NodeResponse, onDrop?: () => void): void {
  if (!hasBody(req)) return
  setImmediate(() => {
    if (req.readableFlowing !== null || req.listenerCount('readable') > 0 || isOver(req, res)) return
    onDrop?.()
    // All but the last byte: a request that has ended looks to its readers like one with an empty body.
    const drop = (): void => {
      if (req.readableLength > 1) req.read(req.readableLength - 1)
    }
    const refuse = (event: string | symbol): void => {
      if (!READING.has(event)) return
      if (!isOver(req, res)) throw bodyDropped()
      // A server that reads the rest for the next request on the connection.
      release()
    }
    const release = (): void => {
      res.off('close', release)
      req.off('readable', drop)
      req.off('newListener', refuse)
      // Within the tick in which the last listener for `readable` goes, it would have no effect.
      process.nextTick(() => req.resume())
    }
    req.on('readable', drop)
    req.on('newListener', refuse)
    res.on('close', release)
  })
}

function isOver(req: NodeRequest, res: NodeResponse): boolean {
  return req.destroyed || res.destroyed || res.writableEnded
}

function hasBody(req: NodeRequest): boolean {
  if (req.httpVersionMajor >= 2) return !(req as Http2ServerRequest).stream.endAfterHeaders
  // Only these announce one (RFC 9112 6.3). Reading where there is none would emit a `close` that handlers take for
  // the peer's.
  return req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length']) > 0
}
