import { runOutside } from '../async-context.ts'
import { channelEnded, notKept, notTold, unavailable } from '../errors.ts'
import { randomEpoch } from '../log/random-epoch.ts'
import { byteLength } from '../message/byte-length.ts'
import { now } from '../time-source.ts'
import { settledWithin } from '../timer.ts'
import { backOff } from './back-off.ts'
import { noAnswer, withDeadline } from './deadline.ts'
import { type Engine, type EngineBatch, type EngineReceipt, parseEngineId } from './engine.ts'
import type { ResolvedEngineLogOptions } from './engine-log-options.ts'
import { Mark } from './mark.ts'

interface Pending {
  /** `undefined` stands for the end of the log. */
  readonly packed: string | undefined
  readonly bytes: number
  readonly idempotencyKey: string | undefined
  /** False where the engine does not keep it. */
  readonly isKept: boolean
  /** When it was added, in milliseconds of `now()`. */
  readonly since: number
  /** The mark that stands just before this message. */
  mark: Mark | undefined
  resolve(id: string): void
  reject(error: unknown): void
}

// The bounds of a batch. A call blocks the engine until it is done.
const BATCH_MESSAGES = 500
const BATCH_BYTES = 524_288
// Milliseconds. After them a batch is sent again. The engine recognises a batch that it already has.
const LONGEST_CALL = 2_000

/**
 * Sends messages to an engine. The messages of a turn go in one call. There is one call at a time, so that a batch
 * that is sent again after an unknown outcome overtakes no other.
 */
export class Appends {
  readonly #engine: Engine
  readonly #options: ResolvedEngineLogOptions
  readonly #onReceipt: (receipt: EngineReceipt) => void
  readonly #writer = randomEpoch()
  /** The newest offset that the engine has given to a message, with its epoch. */
  newest: Pick<EngineReceipt, 'epoch' | 'offset'> = { epoch: '', offset: 0 }
  #waiting: Pending[] = []
  /** The mark after the last added message. */
  #mark: Mark | undefined
  #sequence = 0
  #bytes = 0
  /** The time that the engine took for the last batch, in milliseconds. */
  #took = 0
  #isSending = false
  /** Whether the present call has failed, and is made again. */
  #isRetrying = false
  #isClosed = false

  constructor(engine: Engine, options: ResolvedEngineLogOptions, onReceipt: (receipt: EngineReceipt) => void) {
    this.#engine = engine
    this.#options = options
    this.#onReceipt = onReceipt
  }

  /**
   * Adds a message. Resolves to its id when the engine has it.
   * @throws `ERR_SSE_LOG_UNAVAILABLE`, `ERR_SSE_CHANNEL_ENDED`, both as rejections
   */
  add(packed: string, idempotencyKey: string | undefined, isKept = true): Promise<string> {
    const bytes = byteLength(packed)
    if (this.#bytes > 0 && this.#bytes + bytes > this.#options.maxPendingBytes)
      return Promise.reject((isKept ? unavailable : notTold)(`more than ${this.#options.maxPendingBytes} bytes would wait for it`))
    return this.#push(packed, bytes, idempotencyKey, isKept)
  }

  /** Adds a message that the engine does not keep. Resolves to `''`. @throws as `add` does, without a retry */
  tell(packed: string): Promise<string> {
    return this.#isRetrying ? Promise.reject(notTold('earlier messages wait for it')) : this.add(packed, undefined, false)
  }

  /** Marks the place after all messages that were added before this call. */
  mark(): Mark {
    this.#mark ??= new Mark()
    return this.#mark
  }

  /** Ends the log after all messages that were added before this call. */
  async end(): Promise<void> {
    await this.#push(undefined, 0, undefined)
  }

  /** Rejects all waiting messages. */
  close(): void {
    this.#isClosed = true
    this.#fail(this.#waiting.splice(0), unavailable('the log was closed'))
  }

  #push(packed: string | undefined, bytes: number, idempotencyKey: string | undefined, isKept = true): Promise<string> {
    if (this.#isClosed) return Promise.reject(unavailable('the log was closed'))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ packed, bytes, idempotencyKey, isKept, since: now(), mark: this.#mark?.carry(), resolve, reject })
      this.#mark = undefined
      this.#bytes += bytes
      if (!this.#isSending) runOutside(() => this.#sendAll())
    })
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true
    // Waits for the other messages of this turn.
    await Promise.resolve()
    for (let batch = this.#nextBatch(); batch.length > 0; batch = this.#nextBatch()) {
      await (batch[0]?.isKept ? this.#send(batch) : this.#tell(batch))
      for (const { bytes } of batch) this.#bytes -= bytes
    }
    this.#isSending = false
  }

  #nextBatch(): Pending[] {
    let bytes = 0
    let count = 0
    for (const { packed, bytes: more, isKept } of this.#waiting) {
      bytes += more
      if (count > 0 && (count === BATCH_MESSAGES || bytes > BATCH_BYTES || isKept !== this.#waiting[0]?.isKept)) break
      count++
      if (packed === undefined) break
    }
    return this.#waiting.splice(0, count)
  }

  async #send(pending: readonly Pending[]): Promise<void> {
    const { publishTimeout, history } = this.#options
    const began = now()
    const until = (pending[0] as Pending).since + publishTimeout
    // A batch that is sent too late would be kept by the engine after its promises have rejected.
    if (until - began < this.#took && this.#took < publishTimeout)
      return this.#fail(pending, unavailable(`it waited for ${publishTimeout} ms behind other messages`))
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
    this.#isRetrying = false
  }

  /** Gives messages to the followers in one call, which is not made again. */
  async #tell(pending: readonly Pending[]): Promise<void> {
    const packed = pending.map((each) => each.packed ?? '')
    try {
      await withDeadline(this.#engine.tell?.({ writer: this.#writer, sequence: ++this.#sequence, packed }) as Promise<void>, LONGEST_CALL)
      this.#settleMarks(pending, undefined)
      for (const { resolve } of pending) resolve('')
    } catch (error) {
      this.#fail(pending, isCoded(error, 'ERR_SSE_CHANNEL_ENDED') ? channelEnded() : notTold((error as Error).message, error))
    }
  }

  /** Rejects the messages that the engine does not keep, because they do not wait for an engine that is away. */
  #dropTold(): void {
    const told = this.#waiting.filter(({ isKept }) => !isKept)
    this.#waiting = this.#waiting.filter(({ isKept }) => isKept)
    for (const { bytes } of told) this.#bytes -= bytes
    this.#fail(told, notTold('earlier messages wait for it'))
  }

  /**
   * Sends a batch until the engine answers. A call that takes too long is made again, but a late answer of it still
   * counts.
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
      if (!answer.isGiven) {
        this.#isRetrying = true
        this.#dropTold()
        await Promise.race([answer.given, backOff(attempt, until - now())])
      }
      if (answer.isGiven) return answer.given
    }
  }

  #fail(pending: readonly Pending[], error: unknown): void {
    this.#settleMarks(pending, undefined)
    for (const { reject } of pending) reject(error)
  }

  /** Gives each mark the id of the first message after it that the engine has, or the mark of the next batch. */
  #settleMarks(pending: readonly Pending[], receipt: EngineReceipt | undefined): void {
    if (pending.every(({ mark }) => !mark)) return
    const { ids = [] } = receipt ?? {}
    let { offset = 0 } = receipt ?? {}
    let next: string | undefined
    for (const [index, { mark }] of [...pending.entries()].reverse()) {
      // New messages have consecutive offsets, which end at the receipt's. A message whose key was known has an older
      // one.
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
    // Nobody may wait for a late answer any more.
    this.given.catch(() => {})
  }
}

function inVain(milliseconds: number, failure: unknown = noAnswer(milliseconds)): unknown {
  return unavailable(`it failed for ${milliseconds} ms (${(failure as Error | undefined)?.message})`, failure)
}

/** Whether an error has a code. It may come from another copy of this package. */
export function isCoded(error: unknown, code: string): error is Error {
  return (error as { code?: unknown } | undefined)?.code === code
}
