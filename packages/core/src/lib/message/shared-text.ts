import type { SharedFrames } from './shared-frames.ts'

const utf8 = new TextEncoder()

/** Frames that many streams write. They are encoded when the first stream writes them. */
export class SharedText implements SharedFrames {
  readonly text: string
  readonly messages: number
  #bare: Uint8Array | undefined
  #chunk: Uint8Array | undefined
  #byteLength: number | undefined

  constructor(text: string, messages: number) {
    this.text = text
    this.messages = messages
  }

  get bare(): Uint8Array {
    this.#bare ??= utf8.encode(this.text)
    return this.#bare
  }

  get chunk(): Uint8Array {
    this.#chunk ??= this.#makeChunk()
    return this.#chunk
  }

  get byteLength(): number {
    this.#byteLength ??= this.bare.length
    return this.#byteLength
  }

  #makeChunk(): Uint8Array {
    // In most texts each character is one byte. Then the size is known in advance, and one encoding is enough.
    const { length } = this.text
    const bytes = framed(length, this.text)
    const size = bytes.length - framed(length, '').length
    this.#byteLength = size
    return size === length ? bytes : framed(size, this.text)
  }
}

/** Text as one chunk of HTTP/1.1's chunked coding (RFC 9112 7.1). */
function framed(size: number, text: string): Uint8Array {
  return utf8.encode(`${size.toString(16)}\r\n${text}\r\n`)
}
