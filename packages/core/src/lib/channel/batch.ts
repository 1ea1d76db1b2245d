import type { SharedFrames } from '../feed.ts'

const utf8 = new TextEncoder()

/** The frames between two cursors of a view. */
export class Batch implements SharedFrames {
  /** Whether nothing of what lies between belongs to the view. */
  get isEmpty(): boolean {
    return this.#text === ''
  }

  /** The cursor of a reader that has had it. */
  readonly to: number
  /** The offset of its last message. */
  readonly last: number
  readonly #text: string
  #bare: Uint8Array | undefined
  #chunk: Uint8Array | undefined

  constructor(text: string, last: number, to: number) {
    this.#text = text
    this.last = last
    this.to = to
  }

  get bare(): Uint8Array {
    this.#bare ??= utf8.encode(this.#text)
    return this.#bare
  }

  get chunk(): Uint8Array {
    if (!this.#chunk) {
      const { bare } = this
      const size = utf8.encode(`${bare.length.toString(16)}\r\n`)
      this.#chunk = new Uint8Array(size.length + bare.length + 2)
      this.#chunk.set(size)
      this.#chunk.set(bare, size.length)
      this.#chunk.set([13, 10], size.length + bare.length)
    }
    return this.#chunk
  }
}
