import { type AsyncContext, runIn } from '../async-context.ts'
import { TidingsError } from '../errors.ts'
import type { Message } from '../message/message.ts'
import { startTimer } from '../timer.ts'

/**
 * The app's present state as messages without ids, for whoever begins without history. With `after`, the id of the
 * last message that the state already contains.
 */
export type SnapshotResult = Message | readonly Message[] | { readonly messages: readonly Message[]; readonly after: string }

/** What a snapshot is given. */
export interface SnapshotContext {
  /** Aborted when all who wait for this run have left, or the channel's `snapshotTimeout` is over. */
  readonly signal: AbortSignal
}

/**
 * Takes the present state. Give the same function to all subscriptions, and those that begin together share one run.
 */
export type Snapshot = (context: SnapshotContext) => SnapshotResult | Promise<SnapshotResult>

/** A reader that a snapshot is taken for. */
export interface SnapshotTaker {
  /** In which its snapshot was given. */
  readonly context: AsyncContext | undefined
  snapshotTaken(result: SnapshotResult): void
  snapshotFailed(error: unknown): void
}

/** The parts of a snapshot, in whichever form it was given. */
export function snapshotParts(result: SnapshotResult): { messages: readonly Message[]; after: string | undefined } {
  if (Array.isArray(result)) return { messages: result, after: undefined }
  if (typeof result === 'object' && 'messages' in result) return { messages: result.messages, after: result.after }
  return { messages: [result as Message], after: undefined }
}

/** One call of a snapshot that gave a promise, and who waits for it. */
class Run {
  readonly cursor: number
  readonly #takers = new Set<SnapshotTaker>()
  readonly #abort: (error?: unknown) => void
  readonly #onEnd: () => void
  readonly #timer: ReturnType<typeof setTimeout>

  constructor(cursor: number, abort: (error?: unknown) => void, timeout: number, onEnd: () => void) {
    this.cursor = cursor
    this.#abort = abort
    this.#onEnd = onEnd
    this.#timer = startTimer(() => this.#giveUp(timeout), timeout)
  }

  /**
   * Tells this one, too. Returns a function by which it leaves; the promise may never settle, and keeps nothing of it
   * then.
   */
  join(taker: SnapshotTaker): () => void {
    this.#takers.add(taker)
    return () => {
      if (this.#takers.delete(taker) && this.#takers.size === 0) {
        this.#end()
        this.#abort()
      }
    }
  }

  /** Tells all who still wait. */
  settle(tell: (taker: SnapshotTaker) => void): void {
    for (const taker of this.#end()) tell(taker)
  }

  #giveUp(timeout: number): void {
    const error = new TidingsError(
      'ERR_SSE_SNAPSHOT_TIMEOUT',
      `snapshot took longer than ${timeout} ms; give its signal to what it waits for, make that faster, or raise the channel's snapshotTimeout`,
    )
    const takers = this.#end()
    this.#abort(error)
    for (const taker of takers) taker.snapshotFailed(error)
  }

  #end(): readonly SnapshotTaker[] {
    const takers = [...this.#takers]
    this.#takers.clear()
    clearTimeout(this.#timer)
    this.#onEnd()
    return takers
  }
}

/** The snapshots that are being taken. */
export class RunningSnapshots {
  readonly #runs = new Map<Snapshot, Run>()
  readonly #timeout: number

  /** @param timeout how long one may take, in milliseconds */
  constructor(timeout: number) {
    this.#timeout = timeout
  }

  /**
   * Runs a snapshot, or joins the run of the same function for the same position, and tells `taker` what comes of it,
   * at once if that is known. Otherwise it returns a function by which the taker leaves.
   */
  take(snapshot: Snapshot, cursor: number, taker: SnapshotTaker): (() => void) | undefined {
    const running = this.#runs.get(snapshot)
    if (running?.cursor === cursor) return running.join(taker)
    const aborting = new AbortController()
    try {
      const { context } = taker
      const result = runIn(context, snapshot, { signal: aborting.signal })
      const abort = (error?: unknown): void => runIn(context, () => aborting.abort(error))
      if (isPromise(result)) return this.#start(snapshot, cursor, abort, result).join(taker)
      taker.snapshotTaken(result)
    } catch (error) {
      taker.snapshotFailed(error)
    }
    return undefined
  }

  /** Has nobody join those that run: what they were begun for is not what it was. */
  clear(): void {
    this.#runs.clear()
  }

  #start(snapshot: Snapshot, cursor: number, abort: (error?: unknown) => void, result: Promise<SnapshotResult>): Run {
    const run = new Run(cursor, abort, this.#timeout, () => {
      if (this.#runs.get(snapshot) === run) this.#runs.delete(snapshot)
    })
    this.#runs.set(snapshot, run)
    Promise.resolve(result).then(
      (taken) => run.settle((taker) => taker.snapshotTaken(taken)),
      (error) => run.settle((taker) => taker.snapshotFailed(error)),
    )
    return run
  }
}

function isPromise<Value>(value: Value | Promise<Value>): value is Promise<Value> {
  return typeof value === 'object' && value !== null && 'then' in value
}
