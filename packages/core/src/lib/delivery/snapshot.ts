import type { Message } from '../message/message.ts'

/**
 * The app's present state as messages without ids, for whoever begins without history. With `after`, the id of the last message
 * that the state already contains.
 */
export type SnapshotResult = Message | readonly Message[] | { readonly messages: readonly Message[]; readonly after: string }

/** Takes the present state. Give the same function to all subscriptions, and those that begin together share one run. */
export type Snapshot = () => SnapshotResult | Promise<SnapshotResult>

/** The parts of a snapshot, in whichever form it was given. */
export function snapshotParts(result: SnapshotResult): { messages: readonly Message[]; after: string | undefined } {
  if (Array.isArray(result)) return { messages: result, after: undefined }
  if (typeof result === 'object' && 'messages' in result) return { messages: result.messages, after: result.after }
  return { messages: [result as Message], after: undefined }
}

/** The snapshots that are being taken. */
export class RunningSnapshots {
  readonly #running = new Map<Snapshot, { cursor: number; result: Promise<SnapshotResult> }>()

  /** Runs a snapshot, or joins the run of the same function for the same position. */
  take(snapshot: Snapshot, cursor: number): SnapshotResult | Promise<SnapshotResult> {
    const running = this.#running.get(snapshot)
    if (running?.cursor === cursor) return running.result
    const result = snapshot()
    if (typeof result !== 'object' || !('then' in result)) return result
    const run = { cursor, result }
    this.#running.set(snapshot, run)
    const forget = (): void => {
      if (this.#running.get(snapshot) === run) this.#running.delete(snapshot)
    }
    result.then(forget, forget)
    return result
  }

  /** Has nobody join those that run: what they were begun for is not what it was. */
  clear(): void {
    this.#running.clear()
  }
}
