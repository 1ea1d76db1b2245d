import type { Batch } from './batch.ts'

// Those who share one are at the same cursor in the same turn; few turns leave readers at more places than this.
const KEPT = 64

/** Batches by the cursor that they start from. */
export class Batches {
  /** The newest, which most readers want: a map that has grown old would keep each of them for the garbage collector, though it had dropped them. */
  #newest: Batch | undefined
  #cursor = -1
  #others: Map<number, Batch> | undefined

  /** The batch that starts from `cursor`, made where there is none. */
  find(cursor: number, make: () => Batch): Batch {
    if (this.#newest && this.#cursor === cursor) return this.#newest
    return this.#others?.get(cursor) ?? this.#keep(cursor, make())
  }

  /** Lets go of all. */
  clear(): void {
    this.#newest = this.#others = undefined
  }

  #keep(cursor: number, batch: Batch): Batch {
    if (this.#newest) {
      this.#others ??= new Map()
      // Readers that come back from a thousand places share nothing, and would have it all kept until these are cleared.
      if (this.#others.size >= KEPT) for (const oldest of this.#others.keys()) if (this.#others.delete(oldest)) break
      this.#others.set(this.#cursor, this.#newest)
    }
    this.#newest = batch
    this.#cursor = cursor
    return batch
  }
}
