import { EventSource } from 'eventsource'

/** A change as the relay sends it. */
export interface Change {
  number: number
  wiki: string
  title: string
  user: string
  comment: string
}

/** Reads the changes of some wikis, or of all. It can leave and reconnect. */
export class Reader {
  readonly wikis: readonly string[]
  readonly changes: Change[] = []
  /** The number of resets. */
  resets = 0
  readonly #url: string
  #source: EventSource | undefined
  #lastEventId = ''
  #wake = (): void => {}

  constructor(origin: string, wikis: readonly string[]) {
    this.#url = `${origin}/changes?${wikis.map((wiki) => `wiki=${wiki}&`).join('')}lastEventId=`
    this.wikis = wikis
  }

  /** Resolves once the stream is open. */
  come(): Promise<void> {
    const source = new EventSource(this.#url + this.#lastEventId)
    this.#source = source
    source.addEventListener('change', ({ data, lastEventId }) => {
      this.#lastEventId = lastEventId
      this.changes.push(JSON.parse(data))
      this.#wake()
    })
    source.addEventListener('reset', () => this.resets++)
    return new Promise((resolve) => {
      source.addEventListener('open', () => resolve())
    })
  }

  leave(): void {
    this.#source?.close()
  }

  /** Resolves once it has this number of changes. */
  async has(count: number): Promise<void> {
    while (this.changes.length < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
