import { Audience } from './audience.ts'
import type { Hub, Reader } from './reader.ts'
import { type Filter, type Source, View } from './view.ts'

/** The views that have readers, and which of them a message concerns. */
export class Views {
  readonly #channel: Source & Hub
  readonly #byFilter = new Map<Filter | undefined, Map<string, View>>()
  readonly #byTopic = new Map<string, Set<View>>()
  /** The views that every message may concern. */
  readonly ofAll: Set<View> = new Set()
  readonly #audiences = new Map<View, Audience>()

  constructor(channel: Source & Hub) {
    this.#channel = channel
  }

  /** The view of these topics and this filter: the same one for all who have the same. */
  find(topics: ReadonlySet<string> | undefined, filter: Filter | undefined): View {
    const name = topics ? JSON.stringify([...topics].sort()) : ''
    return this.#byFilter.get(filter)?.get(name) ?? new View(this.#channel, topics, filter, name)
  }

  add(reader: Reader): void {
    const { view } = reader
    const audience = this.#audiences.get(view) ?? this.#open(view)
    audience.add(reader)
  }

  remove(reader: Reader): void {
    const { view } = reader
    const audience = this.#audiences.get(view)
    audience?.remove(reader)
    if (audience?.size === 0) this.#close(view)
  }

  /** Has a reader read these topics from its present position on. */
  move(reader: Reader, topics: ReadonlySet<string>): void {
    this.remove(reader)
    reader.changeView(this.find(topics, reader.view.filter))
    if (reader.isOpen) this.add(reader)
  }

  /** The readers of a view; undefined where it has none. */
  audienceOf(view: View): Audience | undefined {
    return this.#audiences.get(view)
  }

  all(): Iterable<[View, Audience]> {
    return this.#audiences
  }

  /** The views that a message of this topic may concern beside those of all. */
  ofTopic(topic: string | undefined): Iterable<View> {
    return (topic !== undefined && this.#byTopic.get(topic)) || []
  }

  #open(view: View): Audience {
    const audience = new Audience(view, this.#channel)
    this.#audiences.set(view, audience)
    const named = this.#byFilter.get(view.filter)
    if (named) named.set(view.name, view)
    else this.#byFilter.set(view.filter, new Map([[view.name, view]]))
    if (!view.topics) this.ofAll.add(view)
    for (const topic of view.topics ?? []) {
      const views = this.#byTopic.get(topic)
      if (views) views.add(view)
      else this.#byTopic.set(topic, new Set([view]))
    }
    return audience
  }

  #close(view: View): void {
    view.dropBatches()
    this.#audiences.delete(view)
    const named = this.#byFilter.get(view.filter)
    named?.delete(view.name)
    if (named?.size === 0) this.#byFilter.delete(view.filter)
    this.ofAll.delete(view)
    for (const topic of view.topics ?? []) {
      const views = this.#byTopic.get(topic)
      views?.delete(view)
      if (views?.size === 0) this.#byTopic.delete(topic)
    }
  }
}
