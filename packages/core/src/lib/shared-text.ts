import type { SharedFrames } from './feed.ts'

const utf8 = new TextEncoder()

/** Frames that many streams write, encoded when the first of them does. */
export class SharedText implements SharedFrames {
  readonly text: string
  #bare: Uint8Array | undefined
  #chunk: Uint8Array | undefined

  constructor(text: string) {
    this.text = text
  }

  get bare(): Uint8Array {
    this.#bare ??= utf8.encode(this.text)
    return this.#bare
  }

  get chunk(): Uint8Array {
    this.#chunk ??= chunkOf(this.bare)
    return this.#chunk
  }
}

/** Bytes as one chunk of HTTP/1.1's chunked coding (RFC 9112 7.1). */
function chunkOf(bytes: Uint8Array): Uint8Array {
  const size = utf8.encode(`${bytes.length.toString(16)}\r\n`)
  const chunk = new Uint8Array(size.length + bytes.length + 2)
  chunk.set(size)
  chunk.set(bytes, size.length)
  chunk.set([13, 10], size.length + bytes.length)
  return chunk
}
