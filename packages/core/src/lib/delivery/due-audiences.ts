import type { Audience } from './audience.ts'

/** The audiences that have messages to be given. */
export class DueAudiences {
  #audiences: Audience[] = []
  /** The first message that waits for readers; `Infinity` where none does. */
  unreadFrom: number = Number.POSITIVE_INFINITY

  get isEmpty(): boolean {
    return this.#audiences.length === 0
  }

  /** A message for these audiences has come. */
  markDue(audiences: Iterable<Audience>, offset: number): void {
    for (const audience of audiences) {
      this.add(audience)
      audience.markUnread(offset)
      if (offset < this.unreadFrom) this.unreadFrom = offset
    }
  }

  add(audience: Audience): void {
    if (!audience.isDue) this.#audiences.push(audience)
    audience.isDue = true
  }

  /** Has each audience deliver. One that is not done stays due. */
  deliver(deliver: (audience: Audience) => boolean): void {
    for (const audience of [...this.#audiences]) if (deliver(audience)) audience.clearDue()
    this.#audiences = this.#audiences.filter(({ isDue }) => isDue)
    if (this.isEmpty) this.unreadFrom = Number.POSITIVE_INFINITY
  }
}
