import type { KeptTail } from '../log/kept-tail.ts'
import type { EnginePosition } from './engine.ts'

// A slow engine gives small pages, and a search looks at all pages.
const MOST_PAGES = 256
// Both ends of each page. They are kept longer than the page, for readers whose position is there. From a forgotten
// place, reading goes on from the nearest known one.
const MOST_PLACES = 10_000

/** The pages before the tail that readers used last, within a bound. All readers share them. */
export class OlderPages {
  readonly #mostBytes: number
  /** In the order of their last use. */
  #pages: KeptTail[] = []
  /** The times of places by their offsets. */
  readonly #places = new Map<number, number>()

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  /** Adds a page, and drops pages beyond the bound. The newest page is always kept. */
  add(page: KeptTail): void {
    const pages = this.#pages
    const last = page.at(page.head)
    if (!last) return
    this.addPlace(page.floor, page.floorAt)
    this.addPlace(page.head, last.at)
    pages.push(page)
    let bytes = 0
    for (const each of pages) bytes += each.bytes
    while ((bytes > this.#mostBytes && pages.length > 1) || pages.length > MOST_PAGES) bytes -= pages.shift()?.bytes ?? 0
  }

  addPlace(offset: number, at: number): void {
    if (this.#places.size >= MOST_PLACES) this.#places.clear()
    this.#places.set(offset, at)
  }

  /** The page with the message after an offset. */
  after(offset: number): KeptTail | undefined {
    const page = this.#pages.find(({ floor, head }) => floor <= offset && offset < head)
    if (!page) return undefined
    this.#pages = [...this.#pages.filter((each) => each !== page), page]
    page.trimAged()
    return page.floor <= offset ? page : undefined
  }

  /** When the message with this offset was appended; undefined where that is not known. */
  atOf(offset: number): number | undefined {
    return this.#places.get(offset) ?? this.after(offset - 1)?.at(offset)?.at
  }

  /** The known place that is nearest to an offset: the end of a page, or the start of the log. */
  nearest(offset: number, start: number): EnginePosition {
    let nearest: EnginePosition = { offset: 0, at: 0 }
    let distance = offset - start
    for (const [each, at] of this.#places) {
      if (Math.abs(each - offset) > distance) continue
      nearest = { offset: each, at }
      distance = Math.abs(each - offset)
    }
    return nearest
  }

  /** Drops the pages, but not the places. */
  drop(): void {
    this.#pages = []
  }
}
