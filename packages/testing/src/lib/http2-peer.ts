import { createConnection } from 'node:net'
import { within } from './within.ts'

/** The types of HTTP/2 frames that the peer of a test sends or reads (RFC 9113 6). */
const FRAME = { DATA: 0, HEADERS: 1, RST_STREAM: 3, SETTINGS: 4, PING: 6, GOAWAY: 7, WINDOW_UPDATE: 8 } as const
const ACK = 1
const END_OF_HEADERS = 4
const END_OF_STREAM = 1
const INITIAL_WINDOW_SIZE = 4
const FRAME_HEAD = 9
/** `GET http://a/` and `POST http://a/`, encoded with the static table of HPACK. */
const HEADERS: Readonly<Record<'GET' | 'POST', Buffer>> = {
  GET: Buffer.from([0x82, 0x86, 0x84, 0x41, 0x01, 0x61]),
  POST: Buffer.from([0x83, 0x86, 0x84, 0x41, 0x01, 0x61]),
}

/** A peer on one HTTP/2 connection that controls each frame it sends. Client libraries do not allow that. */
export interface Http2Peer {
  /**
   * Requests `/` on the stream with this id, which is odd and greater than all before. A POST has a body that does not
   * end. Resolves at the first bytes of the answer, or at once if the window allows none.
   */
  ask(id: number, method?: keyof typeof HEADERS): Promise<void>
  /** How many bytes of data the stream of this id has sent. */
  received(id: number): number
  reset(id: number, code: number): void
  ping(): void
  /** Sends SETTINGS with this window for each stream. */
  settings(window: number): void
  /** Lets a stream send this many bytes more. The id 0 stands for the whole connection. */
  grant(id: number, bytes: number): void
  goAway(code: number): void
  /** Cuts the connection. */
  cut(): void
}

/** @param window how many bytes each stream may send before the peer grants more */
export function connectHttp2Peer(port: number, window: number = 65_535): Http2Peer {
  const received = new Map<number, number>()
  const waiting = new Map<number, () => void>()
  const socket = createConnection({ host: '127.0.0.1', port })
  socket.on('error', () => {})
  const send = (type: number, flags: number, id: number, payload: Buffer = Buffer.alloc(0)): void => {
    const head = Buffer.alloc(FRAME_HEAD)
    head.writeUIntBE(payload.length, 0, 3)
    head[3] = type
    head[4] = flags
    head.writeUInt32BE(id, 5)
    if (!socket.destroyed) socket.write(Buffer.concat([head, payload]))
  }
  const settings = (size: number): void => send(FRAME.SETTINGS, 0, 0, Buffer.concat([Buffer.of(0, INITIAL_WINDOW_SIZE), uint32(size)]))
  const onFrame = (type: number, flags: number, id: number, length: number): void => {
    if (type === FRAME.SETTINGS && flags !== ACK) send(FRAME.SETTINGS, ACK, 0)
    if (type !== FRAME.DATA) return
    received.set(id, (received.get(id) ?? 0) + length)
    waiting.get(id)?.()
  }
  let unread = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    unread = Buffer.concat([unread, chunk])
    while (unread.length >= FRAME_HEAD && unread.length >= FRAME_HEAD + unread.readUIntBE(0, 3)) {
      const length = unread.readUIntBE(0, 3)
      onFrame(unread.readUInt8(3), unread.readUInt8(4), unread.readUInt32BE(5), length)
      unread = unread.subarray(FRAME_HEAD + length)
    }
  })
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  settings(window)

  return {
    ask: (id, method = 'GET') => {
      send(FRAME.HEADERS, END_OF_HEADERS | (method === 'GET' ? END_OF_STREAM : 0), id, HEADERS[method])
      if (window === 0) return Promise.resolve()
      return within(new Promise<void>((resolve) => waiting.set(id, resolve)), `the first bytes of stream ${id}`)
    },
    received: (id) => received.get(id) ?? 0,
    reset: (id, code) => send(FRAME.RST_STREAM, 0, id, uint32(code)),
    ping: () => send(FRAME.PING, 0, 0, Buffer.alloc(8)),
    settings,
    grant: (id, bytes) => send(FRAME.WINDOW_UPDATE, 0, id, uint32(bytes)),
    goAway: (code) => send(FRAME.GOAWAY, 0, 0, Buffer.concat([uint32(0), uint32(code)])),
    cut: () => socket.destroy(),
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
