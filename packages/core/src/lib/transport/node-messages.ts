import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'

/** A request as `node:http` or the compatibility API of `node:http2` hands it to a listener. */
export type NodeRequest = IncomingMessage | Http2ServerRequest
/** A response as `node:http` or the compatibility API of `node:http2` hands it to a listener. */
export type NodeResponse = ServerResponse | Http2ServerResponse

/** Whether the peer is gone already, so that nothing would ever say that it left. */
export function hasLeft(req: NodeRequest, res: NodeResponse): boolean {
  if (isHttp2(res)) return !res.stream || res.stream.destroyed || res.stream.closed
  // After a FIN, Node ends its own side, and closes when that is flushed.
  return res.destroyed || req.socket.destroyed || req.socket.writableEnded
}

/**
 * Has an HTTP/2 response close when its peer resets it with NO_ERROR, as proxies do. While bytes wait, Node before 26
 * does not close it, and tells of it by `aborted` alone: https://github.com/nodejs/node/issues/58252
 */
export function closeOnReset(res: NodeResponse): void {
  if (!isHttp2(res)) return
  const { stream } = res
  // Later: the event comes from the middle of closing.
  stream.once('aborted', () => process.nextTick(() => stream.destroy()))
}

/** Whether it is of `node:http2`. */
export function isHttp2(message: NodeRequest | NodeResponse): message is Http2ServerRequest & Http2ServerResponse {
  return 'stream' in message && 'createPushResponse' in message
}
