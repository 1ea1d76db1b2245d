import type { Dispatched } from './browser.ts'

/** What a client says: an event that it dispatched, or that it has given up for good. */
export type Tell = (told: Dispatched | 'stopped') => void

/** What a client is asked for. */
export interface Request {
  url: string
  /** The events that it listens to. */
  names: readonly string[]
  /** What it is to post, where it can. */
  body?: string
}

/** What the module of every client exports. Returns what closes it. */
export type Open = (request: Request, tell: Tell) => () => void

/** What one client has dispatched. */
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

  /** Resolves as soon as an event of this data has been dispatched. */
  async untilData(data: string): Promise<void> {
    await this.#until(() => this.events.at(-1)?.data === data)
  }

  /** Resolves as soon as the client has given up for good. */
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
