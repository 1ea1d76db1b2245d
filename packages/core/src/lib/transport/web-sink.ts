import type { TidingsError } from '../errors.ts'
import { counts } from '../metrics.ts'
import type { Sink, SinkOwner } from '../stream/sink.ts'

// Bytes. The limit of Node's sockets.
const HIGH_WATER_MARK = 16_384
const utf8 = new TextEncoder()

/**
 * A web `ReadableStream` as a sink. It keeps its own queue, and joins the frames of a turn into one chunk when the
 * reader asks for one: each chunk of a web stream costs more than the bytes in it.
 */
export class WebSink implements Sink {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>
  readonly #owner: SinkOwner
  readonly #abort: AbortSignal | undefined
  #controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>
  #frames: Uint8Array[] = []
  #waiting = 0
  #asked = false
  #scheduled = false
  #full = false
  #ended = false
  #left = false
  #passed = 0

  /** @param begin called when a reader first asks for bytes; until then the response may still be discarded */
  constructor(owner: SinkOwner, abort: AbortSignal | undefined, begin: () => void) {
    this.#owner = owner
    this.#abort = abort
    let begun = false
    this.readable = new ReadableStream(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => {
          this.#asked = true
          if (begun) return this.#flush()
          begun = true
          if (abort?.aborted) this.#onAbort()
          else abort?.addEventListener('abort', this.#onAbort)
          begin()
        },
        cancel: (reason) => this.#leave(reason),
      },
      { highWaterMark: 0 },
    )
  }

  write(frames: string | Uint8Array): boolean {
    const bytes = typeof frames === 'string' ? utf8.encode(frames) : frames
    this.#frames.push(bytes)
    this.#waiting += bytes.length
    counts.bytes += bytes.length
    if (this.#asked && !this.#scheduled) {
      this.#scheduled = true
      queueMicrotask(() => this.#flush())
    }
    this.#full ||= this.#waiting > HIGH_WATER_MARK
    return !this.#full
  }

  end(): void {
    this.#ended = true
    this.#flush()
  }

  destroy(reason: TidingsError): void {
    this.#controller.error(reason)
    this.#leave()
  }

  get bufferedAmount(): number {
    return this.#waiting
  }

  progress(): number {
    return this.#passed
  }

  #flush(): void {
    this.#scheduled = false
    if (this.#left) return
    if (this.#asked && this.#waiting > 0) {
      this.#asked = false
      this.#controller.enqueue(joined(this.#frames, this.#waiting))
      this.#frames = []
      this.#waiting = 0
      this.#passed++
      if (this.#full) {
        this.#full = false
        this.#owner.drained()
      }
    }
    if (this.#ended && this.#waiting === 0) {
      this.#controller.close()
      this.#leave()
    }
  }

  readonly #onAbort = (): void => {
    this.#controller.close()
    this.#leave(this.#abort?.reason)
  }

  #leave(cause?: unknown): void {
    this.#left = true
    this.#frames = []
    this.#abort?.removeEventListener('abort', this.#onAbort)
    this.#owner.gone('peer', cause)
  }
}

/** Always makes a copy: the platform may transfer a chunk's memory, and other streams may share the frames. */
function joined(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length)
  let end = 0
  for (const part of parts) {
    whole.set(part, end)
    end += part.length
  }
  return whole
}
