import { calledUnless } from '../waiting.ts'

/**
 * A place among the messages that this process appends: behind those that were added before it was made, and before
 * all others.
 */
export class Mark {
  /** The first message after it that the engine has. */
  #id: string | undefined
  /** That message comes after this one, too. */
  #later: Mark | undefined
  /** Whether a message after it is on its way. */
  #isCarried = false
  readonly #waiting = new Set<() => void>()
  /** The id of the place before that message, once someone has asked for it. */
  place: Promise<string | undefined> | undefined

  carry(): this {
    this.#isCarried = true
    return this
  }

  /** The message on its way has got this id, or has not been kept: then the next mark tells. */
  settle(outcome: string | Mark): void {
    if (typeof outcome === 'string') this.#id = outcome
    else this.#later = outcome
    for (const wake of [...this.#waiting]) wake()
  }

  /**
   * The id of the first message after it. `undefined` where there is none that the engine had at the call: one that
   * is on its way is waited for, since the engine may have it.
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
