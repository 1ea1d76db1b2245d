import type { Batch } from './batch.ts'

// Of one view. Those who share a batch are at the same cursor in the same turn; few turns leave readers at more
// places than this.
const MOST_KEPT = 64
// Of all views of the process, in characters. Each takes two to four bytes: as text, and in the forms that transports
// take.
const MOST_LENGTH = 8_388_608

/** Who keeps some, in the order in which they began to. */
const keepers = new Set<BatchCache>()
let lengthOfAll = 0

/**
 * BatchCache of one view by the cursor that they start from. They are kept for readers that come to the same place,
 * as long as there is room for them.
 */
export class BatchCache {
  /**
   * The newest, which most readers want: a map that has grown old would keep each of them for the garbage collector,
   * though it had dropped them.
   */
  #newest: Batch | undefined
  #cursor = -1
  #others: Map<number, Batch> | undefined
  #length = 0

  /** The batch that starts from `cursor`, made where there is none. */
  find(cursor: number, make: () => Batch): Batch {
    if (this.#newest && this.#cursor === cursor) return this.#newest
    return this.#others?.get(cursor) ?? this.#keep(cursor, make())
  }

  /** Lets go of all. */
  clear(): void {
    this.#newest = this.#others = undefined
    lengthOfAll -= this.#length
    this.#length = 0
    keepers.delete(this)
  }

  #keep(cursor: number, batch: Batch): Batch {
    makeRoom(batch.text.length)
    if (this.#newest) {
      this.#others ??= new Map()
      // Readers that come back from a thousand places share nothing, and would have it all kept until these are
      // cleared.
      if (this.#others.size >= MOST_KEPT) this.#dropOldest(this.#others)
      this.#others.set(this.#cursor, this.#newest)
    }
    this.#newest = batch
    this.#cursor = cursor
    this.#length += batch.text.length
    lengthOfAll += batch.text.length
    keepers.add(this)
    return batch
  }

  #dropOldest(others: Map<number, Batch>): void {
    for (const [cursor, { text }] of others) {
      others.delete(cursor)
      this.#length -= text.length
      lengthOfAll -= text.length
      return
    }
  }
}

/** Has those who began first let go of theirs, until so much more may be kept. */
function makeRoom(length: number): void {
  for (const keeper of keepers) {
    if (lengthOfAll + length <= MOST_LENGTH) return
    keeper.clear()
  }
}
