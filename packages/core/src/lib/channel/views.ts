import type { Reader } from './reader.ts'
import { type Filter, type Source, View } from './view.ts'

/** The views that have readers, and which of them a message concerns. */
export class Views {
  readonly #source: Source
  readonly #byFilter = new Map<Filter | undefined, Map<string, View>>()
  readonly #byTopic = new Map<string, Set<View>>()
  readonly #ofAll = new Set<View>()
  readonly #readers = new Map<View, Set<Reader>>()

  constructor(source: Source) {
    this.#source = source
  }

  /** The view of these topics and this filter: the same one for all who have the same. */
  find(topics: ReadonlySet<string> | undefined, filter: Filter | undefined): View {
    const name = topics ? JSON.stringify([...topics].sort()) : ''
    return this.#byFilter.get(filter)?.get(name) ?? new View(this.#source, topics, filter, name)
  }

  add(reader: Reader): void {
    const { view } = reader
    const readers = this.#readers.get(view)
    if (readers) readers.add(reader)
    else this.#open(view, reader)
  }

  remove(reader: Reader): void {
    const { view } = reader
    const readers = this.#readers.get(view)
    if (!readers?.delete(reader) || readers.size > 0) return
    this.#readers.delete(view)
    this.#close(view)
  }

  readersOf(view: View): ReadonlySet<Reader> {
    return this.#readers.get(view) ?? new Set()
  }

  /** All readers there are. */
  *readers(): Generator<Reader> {
    for (const readers of this.#readers.values()) yield* readers
  }

  all(): Iterable<View> {
    return this.#readers.keys()
  }

  /** The views that a message of this topic may concern. */
  *concernedBy(topic: string | undefined): Generator<View> {
    yield* this.#ofAll
    if (topic !== undefined) yield* this.#byTopic.get(topic) ?? []
  }

  #open(view: View, reader: Reader): void {
    this.#readers.set(view, new Set([reader]))
    const named = this.#byFilter.get(view.filter)
    if (named) named.set(view.name, view)
    else this.#byFilter.set(view.filter, new Map([[view.name, view]]))
    if (!view.topics) this.#ofAll.add(view)
    for (const topic of view.topics ?? []) {
      const views = this.#byTopic.get(topic)
      if (views) views.add(view)
      else this.#byTopic.set(topic, new Set([view]))
    }
  }

  #close(view: View): void {
    const named = this.#byFilter.get(view.filter)
    named?.delete(view.name)
    if (named?.size === 0) this.#byFilter.delete(view.filter)
    this.#ofAll.delete(view)
    for (const topic of view.topics ?? []) {
      const views = this.#byTopic.get(topic)
      views?.delete(view)
      if (views?.size === 0) this.#byTopic.delete(topic)
    }
  }
}
