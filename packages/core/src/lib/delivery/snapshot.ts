import { type AsyncContext, runIn } from '../async-context.ts'
import { TidingsError } from '../errors.ts'
import type { AnyEvents, Message } from '../message/message.ts'
import { startTimer } from '../timer.ts'

/**
 * The app's current state as messages without ids, for a client that begins without history. `after` is the id of the
 * last published message that the state contains; the client then gets the messages that follow it.
 */
export type SnapshotResult<Events extends object = AnyEvents> =
  | Message<Events>
  | readonly Message<Events>[]
  | { readonly messages: readonly Message<Events>[]; readonly after: string }

/** The argument of a snapshot. */
export interface SnapshotContext {
  /** Aborted when all clients that wait for this call have left, or when the channel's `snapshotTimeout` is over. */
  readonly signal: AbortSignal
}

/**
 * Makes the current state. Give the same function to all subscriptions: clients that begin together then share one
 * call.
 */
export type Snapshot<Events extends object = AnyEvents> = (context: SnapshotContext) => SnapshotResult<Events> | Promise<SnapshotResult<Events>>

/** A reader that waits for a snapshot. */
export interface SnapshotTaker {
  /** The async context in which its snapshot was given. */
  readonly context: AsyncContext | undefined
  snapshotTaken(result: SnapshotResult): void
  snapshotFailed(error: unknown): void
}

/** The parts of a snapshot, from any of its forms. */
export function snapshotParts(result: SnapshotResult): { messages: readonly Message[]; after: string | undefined } {
  if (Array.isArray(result)) return { messages: result, after: undefined }
  if (typeof result === 'object' && 'messages' in result) return { messages: result.messages, after: result.after }
  return { messages: [result as Message], after: undefined }
}

/**
 * Adds a position to the frames of a snapshot. The last frame that dispatches an event gets the id, which a page then
 * sees. Where no frame does, the position follows as a frame of its own.
 *
 * @param position a block with the position; `''` for none
 */
export function withPosition(frames: string, position: string): string {
  // No other line of a frame begins with this name.
  const data = `\n${frames}`.lastIndexOf('\ndata: ')
  if (data < 0) return frames + (position && `${position.trimStart()}\n`)
  const end = frames.indexOf('\n\n', data) + 1
  return frames.slice(0, end) + position.slice(position.lastIndexOf('id: ')) + frames.slice(end)
}

/** A call of a snapshot that returned a promise, and the readers that wait for it. */
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
   * Adds a reader. Returns a function that removes it again: the promise may never settle, and must not keep readers
   * that have left in memory.
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

  /** Ends the run, and tells all readers that still wait. */
  settle(tell: (taker: SnapshotTaker) => void): void {
    for (const taker of this.#end()) tell(taker)
  }

  #giveUp(timeout: number): void {
    const error = new TidingsError(
      'ERR_SSE_SNAPSHOT_TIMEOUT',
      `snapshot took longer than ${timeout} ms; make it faster, let its signal abort it, or raise snapshotTimeout`,
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

/** The snapshots that have not settled. */
export class RunningSnapshots {
  readonly #runs = new Map<Snapshot, Run>()
  readonly #timeout: number

  /** @param timeout the longest time that a snapshot may take, in milliseconds */
  constructor(timeout: number) {
    this.#timeout = timeout
  }

  /**
   * Calls a snapshot, or joins a call of the same function for the same position, and gives `taker` the result. A
   * result that is no promise is given at once. Otherwise it returns a function that makes the taker leave.
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

  /** Lets no reader join the present calls any more, because the log has changed since they began. */
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
