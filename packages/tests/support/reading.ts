import type { Dispatched } from './browser.ts'

/**
 * Called by a client's module with each event, or with 'stopped' once the client no longer reconnects, and the reason
 * that the client tells.
 */
export type Tell = (told: Dispatched | 'stopped', reason?: string) => void

/** The request that a client is to make. */
export interface Request {
  url: string
  /** The names of the events to listen to. */
  names: readonly string[]
  /** A body to send by POST. A client that cannot post ignores it. */
  body?: string
  /** Returns the headers of one request. A client that cannot ask for them anew calls it once. */
  headers?: () => Promise<Record<string, string>>
  /** Milliseconds without a byte after which a client with a watchdog replaces the stream. */
  silence?: number
  /** Whether a listener that throws comes before the others. */
  throws?: boolean
}

/** The export of every client's module: opens the client and returns a function that closes it. */
export type Open = (request: Request, tell: Tell) => (() => void) | Promise<() => void>

/** The events that one client dispatched. */
export class Reading {
  readonly events: Dispatched[] = []
  stopped = false
  /** Closes the client. */
  close: () => unknown = () => {}
  #wake = (): void => {}

  readonly tell: Tell = (told) => {
    if (told === 'stopped') this.stopped = true
    else this.events.push(told)
    this.#wake()
  }

  /** Resolves as soon as the last event has this data. */
  async untilData(data: string): Promise<void> {
    await this.#until(() => this.events.at(-1)?.data === data)
  }

  /** Resolves as soon as the client no longer reconnects. */
  async untilStopped(): Promise<void> {
    await this.#until(() => this.stopped)
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
