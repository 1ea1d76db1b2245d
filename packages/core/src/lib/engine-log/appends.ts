import { runOutside } from '../async-context.ts'
import { channelEnded, notKept, unavailable } from '../errors.ts'
import { randomEpoch } from '../log/random-epoch.ts'
import { byteLength } from '../message/byte-length.ts'
import { now } from '../time-source.ts'
import { settledWithin } from '../timer.ts'
import { backOff } from './back-off.ts'
import { noAnswer } from './deadline.ts'
import { type Engine, type EngineBatch, type EngineReceipt, parseEngineId } from './engine.ts'
import type { ResolvedEngineLogOptions } from './engine-log-options.ts'
import { Mark } from './mark.ts'

interface Pending {
  /** `undefined` for the end of the log. */
  readonly packed: string | undefined
  readonly bytes: number
  readonly idempotencyKey: string | undefined
  readonly since: number
  /** Those that it is the first message after. */
  mark: Mark | undefined
  resolve(id: string): void
  reject(error: unknown): void
}

// One call blocks the engine for as long as it takes.
const BATCH_MESSAGES = 500
const BATCH_BYTES = 524_288
// Milliseconds. A batch that is not answered by then is sent again: the engine knows it if it has it.
const LONGEST_CALL = 2_000

/**
 * The messages on their way to an engine: a turn's in one call, one call at a time, so that what is sent again after
 * a call of which nobody knows the outcome can overtake nothing.
 */
export class Appends {
  readonly #engine: Engine
  readonly #options: ResolvedEngineLogOptions
  readonly #onReceipt: (receipt: EngineReceipt) => void
  readonly #writer = randomEpoch()
  /** The newest offset that a message was given, and of which epoch. */
  newest: Pick<EngineReceipt, 'epoch' | 'offset'> = { epoch: '', offset: 0 }
  #waiting: Pending[] = []
  /** Behind all that was added. */
  #mark: Mark | undefined
  #sequence = 0
  #bytes = 0
  /** How long the engine took for the last batch, in milliseconds. */
  #took = 0
  #isSending = false
  #isClosed = false

  constructor(engine: Engine, options: ResolvedEngineLogOptions, onReceipt: (receipt: EngineReceipt) => void) {
    this.#engine = engine
    this.#options = options
    this.#onReceipt = onReceipt
  }

  /**
   * Resolves to the message's id once the engine has it.
   * @throws `ERR_SSE_LOG_UNAVAILABLE`, `ERR_SSE_CHANNEL_ENDED`, both as rejections
   */
  add(packed: string, idempotencyKey: string | undefined): Promise<string> {
    const bytes = byteLength(packed)
    if (this.#bytes > 0 && this.#bytes + bytes > this.#options.maxPendingBytes)
      return Promise.reject(unavailable(`more than ${this.#options.maxPendingBytes} bytes would wait for it`))
    return this.#push(packed, bytes, idempotencyKey)
  }

  /** Marks a place behind all that was added and before all that will be. */
  mark(): Mark {
    this.#mark ??= new Mark()
    return this.#mark
  }

  /** Ends the log behind all that was added. */
  async end(): Promise<void> {
    await this.#push(undefined, 0, undefined)
  }

  /** Gives up what waits. */
  close(): void {
    this.#isClosed = true
    this.#fail(this.#waiting.splice(0), unavailable('the log was closed'))
  }

  #push(packed: string | undefined, bytes: number, idempotencyKey: string | undefined): Promise<string> {
    if (this.#isClosed) return Promise.reject(unavailable('the log was closed'))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ packed, bytes, idempotencyKey, since: now(), mark: this.#mark?.carry(), resolve, reject })
      this.#mark = undefined
      this.#bytes += bytes
      if (!this.#isSending) runOutside(() => this.#sendAll())
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
    const { publishTimeout, history } = this.#options
    const began = now()
    const until = (pending[0] as Pending).since + publishTimeout
    // Sent now, it would be kept when it has rejected.
    if (until - began < this.#took && this.#took < publishTimeout) return this.#fail(pending, unavailable(`it waited for ${publishTimeout} ms behind others`))
    const batch: EngineBatch = {
      writer: this.#writer,
      sequence: ++this.#sequence,
      messages: pending.flatMap(({ packed, idempotencyKey }) => (packed === undefined ? [] : [{ packed, idempotencyKey }])),
      ends: pending.at(-1)?.packed === undefined,
      history,
    }
    try {
      const receipt = await this.#receiptOf(batch, until)
      this.#took = now() - began
      this.#settleMarks(pending, receipt)
      this.newest = receipt
      this.#onReceipt(receipt)
      for (const [index, { resolve }] of pending.entries()) resolve(receipt.ids[index] ?? '')
    } catch (error) {
      this.#fail(pending, error)
    }
  }

  /**
   * Sends a batch until the engine answers. A call that takes long is made again, and its answer counts whenever it
   * comes.
   */
  async #receiptOf(batch: EngineBatch, until: number): Promise<EngineReceipt> {
    const answer = new Answer<EngineReceipt>()
    let failure: unknown
    for (let attempt = 1; ; attempt++) {
      const left = until - now()
      if (left <= 0 || this.#isClosed) throw inVain(this.#options.publishTimeout, failure)
      const failed = this.#engine.append(batch).then(answer.give, (error: unknown) => {
        if (isCoded(error, 'ERR_SSE_CHANNEL_ENDED')) answer.refuse(channelEnded())
        else if (isCoded(error, 'ERR_SSE_LOG_REFUSED')) answer.refuse(notKept(error))
        else failure = error
      })
      await settledWithin(Promise.race([answer.given, failed]), Math.min(LONGEST_CALL, left), () => {})
      if (!answer.isGiven) await Promise.race([answer.given, backOff(attempt, until - now())])
      if (answer.isGiven) return answer.given
    }
  }

  #fail(pending: readonly Pending[], error: unknown): void {
    this.#settleMarks(pending, undefined)
    for (const { reject } of pending) reject(error)
  }

  /** Tells the marks which message of a batch came first after them. Where none did, that is up to the next batch. */
  #settleMarks(pending: readonly Pending[], receipt: EngineReceipt | undefined): void {
    if (pending.every(({ mark }) => !mark)) return
    const { ids = [] } = receipt ?? {}
    let { offset = 0 } = receipt ?? {}
    let next: string | undefined
    for (const [index, { mark }] of [...pending.entries()].reverse()) {
      // New ones have the offsets up to the receipt's, without a hole. One whose key was known has an older one.
      const id = ids[index] ?? ''
      if (parseEngineId(id)?.offset === offset) {
        offset--
        next = id
      }
      mark?.settle(next ?? this.#nextMark)
    }
  }

  get #nextMark(): Mark {
    const [first] = this.#waiting
    if (!first) return this.mark()
    first.mark ??= new Mark().carry()
    return first.mark
  }
}

/** The first answer of several calls. */
class Answer<Result> {
  readonly given: Promise<Result>
  isGiven = false
  give: (result: Result) => void = () => {}
  refuse: (error: unknown) => void = () => {}

  constructor() {
    this.given = new Promise((resolve, reject) => {
      this.give = (result) => {
        this.isGiven = true
        resolve(result)
      }
      this.refuse = (error) => {
        this.isGiven = true
        reject(error)
      }
    })
    // A late one may concern nobody any more.
    this.given.catch(() => {})
  }
}

function inVain(milliseconds: number, failure: unknown = noAnswer(milliseconds)): unknown {
  return unavailable(`it failed for ${milliseconds} ms (${(failure as Error | undefined)?.message})`, failure)
}

/** Whether an error has a code, of whichever copy of this package it is. */
export function isCoded(error: unknown, code: string): error is Error {
  return (error as { code?: unknown } | undefined)?.code === code
}
