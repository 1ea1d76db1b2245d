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
    this.#chunk ??= chunkOf(this.text)
    return this.#chunk
  }
}

/** Text as one chunk of HTTP/1.1's chunked coding (RFC 9112 7.1). */
function chunkOf(text: string): Uint8Array {
  // Mostly a character is a byte, and the size is known before there are any: one array, and none to copy from.
  const bytes = framed(text.length, text)
  const size = bytes.length - framed(text.length, '').length
  return size === text.length ? bytes : framed(size, text)
}

function framed(size: number, text: string): Uint8Array {
  return utf8.encode(`${size.toString(16)}\r\n${text}\r\n`)
}
