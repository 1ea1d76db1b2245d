import { channelEnded, unavailable } from '../errors.ts'
import { randomEpoch } from '../log/random-epoch.ts'
import { byteLength } from '../message/byte-length.ts'
import { backOff } from './back-off.ts'
import { withDeadline } from './deadline.ts'
import type { Engine, EngineBatch, EngineReceipt } from './engine.ts'
import type { ResolvedEngineLogOptions } from './engine-log-options.ts'

interface Pending {
  /** `undefined` for the end of the log. */
  readonly packed: string | undefined
  readonly bytes: number
  readonly idempotencyKey: string | undefined
  readonly since: number
  resolve(id: string): void
  reject(error: unknown): void
}

// One call blocks the engine for as long as it takes.
const BATCH_MESSAGES = 500
const BATCH_BYTES = 524_288
// Milliseconds. An engine that has not answered by then is asked again: it knows the batch if it has it.
const LONGEST_CALL = 2_000

/**
 * The messages on their way to an engine: a turn's in one call, one call at a time, so that what is sent again after a call of which
 * nobody knows the outcome can overtake nothing.
 */
export class Appends {
  readonly #engine: Engine
  readonly #options: ResolvedEngineLogOptions
  readonly #onReceipt: (receipt: EngineReceipt) => void
  readonly #writer = randomEpoch()
  #waiting: Pending[] = []
  #sequence = 0
  #bytes = 0
  #isSending = false
  #isClosed = false

  constructor(engine: Engine, options: ResolvedEngineLogOptions, onReceipt: (receipt: EngineReceipt) => void) {
    this.#engine = engine
    this.#options = options
    this.#onReceipt = onReceipt
  }

  /** Resolves to the message's id once the engine has it. @throws `ERR_SSE_LOG_UNAVAILABLE`, `ERR_SSE_CHANNEL_ENDED`, both as rejections */
  add(packed: string, idempotencyKey: string | undefined): Promise<string> {
    const bytes = byteLength(packed)
    if (this.#bytes > 0 && this.#bytes + bytes > this.#options.maxPendingBytes)
      return Promise.reject(unavailable(`more than ${this.#options.maxPendingBytes} bytes would wait for it`))
    return this.#push(packed, bytes, idempotencyKey)
  }

  /** Ends the log behind all that was added. */
  async end(): Promise<void> {
    await this.#push(undefined, 0, undefined)
  }

  /** Gives up what waits. */
  close(): void {
    this.#isClosed = true
    const waiting = this.#waiting
    this.#waiting = []
    fail(waiting, unavailable('the log was closed'))
  }

  #push(packed: string | undefined, bytes: number, idempotencyKey: string | undefined): Promise<string> {
    if (this.#isClosed) return Promise.reject(unavailable('the log was closed'))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ packed, bytes, idempotencyKey, since: performance.now(), resolve, reject })
      this.#bytes += bytes
      if (!this.#isSending) this.#sendAll()
    })
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true
    // The rest of the turn's messages.
    await Promise.resolve()
    for (let batch = this.#nextBatch(); batch.length > 0; batch = this.#nextBatch()) {
      await this.#send(batch)
      for (const { bytes } of batch) this.#bytes -= bytes
    }
    this.#isSending = false
  }

  #nextBatch(): Pending[] {
    let bytes = 0
    let count = 0
    for (const { packed, bytes: more } of this.#waiting) {
      bytes += more
      if (count > 0 && (count === BATCH_MESSAGES || bytes > BATCH_BYTES)) break
      count++
      if (packed === undefined) break
    }
    return this.#waiting.splice(0, count)
  }

  async #send(pending: readonly Pending[]): Promise<void> {
    const until = (pending[0] as Pending).since + this.#options.publishTimeout
    const batch: EngineBatch = {
      writer: this.#writer,
      sequence: ++this.#sequence,
      messages: pending.flatMap(({ packed, idempotencyKey }) => (packed === undefined ? [] : [{ packed, idempotencyKey }])),
      ends: pending.at(-1)?.packed === undefined,
      history: this.#options.history,
    }
    for (let attempt = 1; ; attempt++) {
      const left = until - performance.now()
      try {
        const receipt = await withDeadline(this.#engine.append(batch), Math.min(LONGEST_CALL, Math.max(left, 1)))
        this.#onReceipt(receipt)
        for (const [index, { resolve }] of pending.entries()) resolve(receipt.ids[index] ?? '')
        return
      } catch (error) {
        if ((error as { code?: unknown } | undefined)?.code === 'ERR_SSE_CHANNEL_ENDED') return fail(pending, channelEnded())
        if (left <= 0 || this.#isClosed) return fail(pending, unavailable(`it failed for ${this.#options.publishTimeout} ms`, error))
        await backOff(attempt, left)
      }
    }
  }
}

function fail(pending: readonly Pending[], error: unknown): void {
  for (const { reject } of pending) reject(error)
}
