import { TidingsError } from '../errors.ts'
import { now } from '../time-source.ts'
import { withDeadline } from './deadline.ts'
import type { Engine, EnginePage, EnginePosition, PageLimit } from './engine.ts'
import type { EngineClock } from './engine-clock.ts'

/** Reads a page of the engine, as `Engine.read` does. By default the page has the largest size that is used now. */
export type ReadPage = (direction: 'after' | 'before', position: EnginePosition, limit?: PageLimit) => Promise<EnginePage>

// The bounds of the largest page. It must not block an engine, or a client that the app shares with it, for long. A
// thousand small messages take as long as a megabyte.
const MOST_MESSAGES = 1_000
const MOST_BYTES = 1_048_576
// Milliseconds. After them a call is given up and made again.
const LONGEST_CALL = 5_000
const LONGEST_OF_ALL = 60_000
const EPOCH = /^[0-9a-f]{32}$/

/** Reads pages from an engine. Their size adapts to the speed of the connection. */
export class PageReader {
  readonly #engine: Engine
  readonly #clock: EngineClock
  /** How much of a full page a page may hold at present. */
  #share = 1
  #longestCall = LONGEST_CALL

  constructor(engine: Engine, clock: EngineClock) {
    this.#engine = engine
    this.#clock = clock
  }

  readonly read: ReadPage = async (direction, position, limit = this.#limit) => {
    const began = now()
    try {
      const page = checked(await withDeadline(this.#engine.read(direction, position, limit), this.#longestCall))
      this.#clock.hear(page.present ?? page.at)
      if (now() - began < LONGEST_CALL / 4) {
        this.#share = Math.min(1, this.#share * 2)
        this.#longestCall = LONGEST_CALL
      }
      return page
    } catch (error) {
      // The same page would take too long again. A single message cannot be made smaller: it is waited for longer.
      if (now() - began >= this.#longestCall) {
        if (this.#limit.messages === 1) this.#longestCall = Math.min(this.#longestCall * 2, LONGEST_OF_ALL)
        else this.#share /= 4
      }
      throw error
    }
  }

  get #limit(): PageLimit {
    return { messages: Math.ceil(MOST_MESSAGES * this.#share), bytes: Math.ceil(MOST_BYTES * this.#share) }
  }
}

/** Checks a page, because clients get ids that are made from it. */
function checked(page: EnginePage): EnginePage {
  const { epoch, offset, at } = page
  if (EPOCH.test(epoch) && offset >= 0 && at >= 0 && Number.isSafeInteger(offset) && Number.isSafeInteger(at)) return page
  throw new TidingsError('ERR_SSE_LOG_UNAVAILABLE', `The log's engine gave the position ${JSON.stringify({ epoch, offset, at })}, which is invalid`)
}
