import type { Batch } from './batch.ts'
import { type Keeper, SharedBound } from './shared-bound.ts'

// Batches of one view. Readers share a batch when they are at one cursor in one turn, and few turns leave readers at
// more places than this.
const MOST_KEPT = 64

/**
 * The bound of all views of the process, in characters. A character takes two to four bytes: as text, and in the forms
 * that transports take.
 */
const boundOfProcess = new SharedBound(8_388_608)

/** The batches of one view by the cursors from which they start. Readers that come to one of them share its batch. */
export class BatchCache implements Keeper {
  readonly #bound: SharedBound
  /**
   * The newest batch, which most readers want. It stands outside the map: V8's garbage collector would keep the
   * dropped batches of an old map for long.
   */
  #newest: Batch | undefined
  #cursor = -1
  #others: Map<number, Batch> | undefined
  #length = 0

  constructor(bound: SharedBound = boundOfProcess) {
    this.#bound = bound
  }

  /** The batch that starts from `cursor`. `make` makes it where it is not kept. */
  find(cursor: number, make: () => Batch): Batch {
    if (this.#newest && this.#cursor === cursor) return this.#newest
    return this.#others?.get(cursor) ?? this.#keep(cursor, make())
  }

  clear(): void {
    this.#newest = this.#others = undefined
    this.#length = 0
    this.#bound.set(this, 0)
  }

  #keep(cursor: number, batch: Batch): Batch {
    const { length } = batch.text
    this.#bound.makeRoom(length)
    if (this.#newest) {
      this.#others ??= new Map()
      // Clients that reconnect at a thousand places share nothing. Without this, all their batches would be kept.
      if (this.#others.size >= MOST_KEPT) this.#dropOldest(this.#others)
      this.#others.set(this.#cursor, this.#newest)
    }
    this.#newest = batch
    this.#cursor = cursor
    this.#length += length
    this.#bound.set(this, this.#length)
    return batch
  }

  #dropOldest(others: Map<number, Batch>): void {
    for (const [cursor, { text }] of others) {
      others.delete(cursor)
      this.#length -= text.length
      return
    }
  }
}
