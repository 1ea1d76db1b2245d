import type { Audience } from './audience.ts'

/** The audiences whose readers have waiting messages. */
export class DueAudiences {
  #audiences: Audience[] = []
  /** The offset of the first message that waits for readers; `Infinity` where none waits. */
  firstUnread: number = Number.POSITIVE_INFINITY

  get isEmpty(): boolean {
    return this.#audiences.length === 0
  }

  /** A message with this offset has come for these audiences. */
  markDue(audiences: Iterable<Audience>, offset: number): void {
    for (const audience of audiences) {
      this.add(audience)
      audience.markUnread(offset)
      if (offset < this.firstUnread) this.firstUnread = offset
    }
  }

  add(audience: Audience): void {
    if (!audience.isDue) this.#audiences.push(audience)
    audience.isDue = true
  }

  /** Calls `deliver` for each due audience. It stays due where that returns false. */
  deliver(deliver: (audience: Audience) => boolean): void {
    for (const audience of [...this.#audiences]) if (deliver(audience)) audience.clearDue()
    this.#audiences = this.#audiences.filter(({ isDue }) => isDue)
    if (this.isEmpty) this.firstUnread = Number.POSITIVE_INFINITY
  }
}
