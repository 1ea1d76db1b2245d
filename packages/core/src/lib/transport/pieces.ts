/** Frames that wait to be written, in order. They are taken out in pieces, and a piece may end inside a frame. */
export class Pieces {
  #waiting: (string | Uint8Array)[] = []
  #first = 0

  add(frames: string | Uint8Array): void {
    this.#waiting.push(frames)
  }

  /** Takes out the next piece, of at most `longest` bytes. */
  next(longest: number): string | Uint8Array | undefined {
    const frames = this.#waiting[this.#first]
    if (frames === undefined) return undefined
    if (Buffer.byteLength(frames) > longest) {
      const bytes = typeof frames === 'string' ? Buffer.from(frames) : frames
      this.#waiting[this.#first] = bytes.subarray(longest)
      return bytes.subarray(0, longest)
    }
    this.#waiting[this.#first++] = ''
    if (this.#first * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first)
      this.#first = 0
    }
    return frames
  }
}
