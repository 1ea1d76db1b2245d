import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'

/** A request of `node:http`, or of the compatibility API of `node:http2`. */
export type NodeRequest = IncomingMessage | Http2ServerRequest
/** A response of `node:http`, or of the compatibility API of `node:http2`. */
export type NodeResponse = ServerResponse | Http2ServerResponse

/** Whether the peer has left already. No event will tell of that any more. */
export function hasLeft(req: NodeRequest, res: NodeResponse): boolean {
  if (isHttp2(res)) return !res.stream || res.stream.destroyed || res.stream.closed
  // After a FIN of the peer, Node ends its own side, and closes the socket when all bytes are written.
  return res.destroyed || req.socket.destroyed || req.socket.writableEnded
}

/**
 * Closes an HTTP/2 response when its peer resets it with NO_ERROR, as proxies do. While bytes wait, Node before 26
 * emits `aborted` and does not close it: https://github.com/nodejs/node/issues/58252
 */
export function closeOnReset(res: NodeResponse): void {
  if (!isHttp2(res)) return
  const { stream } = res
  // In the next tick, because the event is emitted while the stream is being closed.
  stream.once('aborted', () => process.nextTick(() => stream.destroy()))
}

/** Whether a request or a response belongs to `node:http2`. */
export function isHttp2(message: NodeRequest | NodeResponse): message is Http2ServerRequest & Http2ServerResponse {
  return 'stream' in message && 'createPushResponse' in message
}
