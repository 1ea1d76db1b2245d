import { calledUnless } from '../waiting.ts'

/**
 * A place among the messages that this process appends. It is after all messages that were added before it was made,
 * and before all others.
 */
export class Mark {
  /** The id of the first message after it that the engine has. */
  #id: string | undefined
  /** A later mark, where no message between the two was kept. */
  #later: Mark | undefined
  /** Whether a message after it is on its way to the engine. */
  #isCarried = false
  readonly #waiting = new Set<() => void>()
  /** The id of the position before that message. Set at the first use. */
  place: Promise<string | undefined> | undefined

  carry(): this {
    this.#isCarried = true
    return this
  }

  /** Sets the id of the message on its way, or the next mark where the message was not kept. */
  settle(outcome: string | Mark): void {
    if (typeof outcome === 'string') this.#id = outcome
    else this.#later = outcome
    for (const wake of [...this.#waiting]) wake()
  }

  /**
   * The id of the first message after it; `undefined` where the engine had none at the call. Waits for a message on
   * its way, because the engine may have it already.
   */
  async first(signal: AbortSignal | undefined): Promise<string | undefined> {
    const last = this.#last
    if (last.#id === undefined && last.#isCarried) {
      await calledUnless((wake) => {
        last.#waiting.add(wake)
        return () => last.#waiting.delete(wake)
      }, signal)
    }
    return this.#last.#id
  }

  get #last(): Mark {
    let mark: Mark = this
    while (mark.#later) mark = mark.#later
    return mark
  }
}
