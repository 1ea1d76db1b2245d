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
    // Reading goes on from there, also where all of the page is too old.
    this.addPlace({ offset: page.floor, at: page.floorAt })
    const last = page.at(page.head)
    if (!last) return
    this.addPlace(last)
    pages.push(page)
    let bytes = 0
    for (const each of pages) bytes += each.bytes
    while ((bytes > this.#mostBytes && pages.length > 1) || pages.length > MOST_PAGES) bytes -= pages.shift()?.bytes ?? 0
  }

  addPlace({ offset, at }: EnginePosition): void {
    const places = this.#places
    places.delete(offset)
    places.set(offset, at)
    const [oldest] = places.keys()
    if (places.size > MOST_PLACES) places.delete(oldest as number)
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

  /** The known place that is nearest to an offset: an end of a page, or the start where no page lies before. */
  nearest(offset: number, start: number): EnginePosition {
    let before: EnginePosition | undefined
    let behind: EnginePosition | undefined
    for (const [each, at] of this.#places) {
      if (each <= offset && each >= (before?.offset ?? 0)) before = { offset: each, at }
      if (each > offset && each < (behind?.offset ?? Infinity)) behind = { offset: each, at }
    }
    // The engine may have messages before the start. So the start is no place to come back to once a page before the
    // offset is known.
    const distance = offset - (before?.offset ?? start)
    return behind && behind.offset - offset < distance ? behind : (before ?? { offset: 0, at: 0 })
  }

  /** Drops the pages, but not the places. */
  drop(): void {
    this.#pages = []
  }
}
