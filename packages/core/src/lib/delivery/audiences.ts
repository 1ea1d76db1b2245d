import { Audience, type AudienceHub } from './audience.ts'
import type { Reader } from './reader.ts'
import { type Filter, type Source, View } from './view.ts'

const ALL_TOPICS = [undefined]
const NONE: readonly Audience[] = []

/** The audiences of a channel. Finds the ones that a message concerns. */
export class Audiences {
  readonly #channel: Source & AudienceHub
  readonly #open = new Set<Audience>()
  readonly #byFilter = new Map<Filter | undefined, Map<string, Audience>>()
  /** By each of their topics; those of all topics by `undefined`. */
  readonly #byTopic = new Map<string | undefined, Set<Audience>>()

  constructor(channel: Source & AudienceHub) {
    this.#channel = channel
  }

  /** The audience of these topics and this filter. All readers with the same topics and filter share it. */
  find(topics: ReadonlySet<string> | undefined, filter: Filter | undefined): Audience {
    const name = topics ? JSON.stringify([...topics].sort()) : ''
    return this.#byFilter.get(filter)?.get(name) ?? new Audience(new View(this.#channel, topics, filter, name), this.#channel)
  }

  add(reader: Reader): void {
    const { audience } = reader
    if (!this.#open.has(audience)) this.#enter(audience)
    audience.add(reader)
  }

  remove(reader: Reader): void {
    const { audience } = reader
    audience.remove(reader)
    if (audience.size === 0 && this.#open.delete(audience)) this.#leave(audience)
  }

  /** Changes the topics of a reader, from its present position on. */
  move(reader: Reader, topics: ReadonlySet<string>): void {
    this.remove(reader)
    reader.changeAudience(this.find(topics, reader.audience.view.filter))
    if (reader.isOpen) this.add(reader)
  }

  [Symbol.iterator](): Iterator<Audience> {
    return this.#open.values()
  }

  /** The audiences that name this topic; for undefined, those of all topics. */
  ofTopic(topic: string | undefined): Iterable<Audience> {
    return this.#byTopic.get(topic) ?? NONE
  }

  #enter(audience: Audience): void {
    const { view } = audience
    this.#open.add(audience)
    const named = this.#byFilter.get(view.filter)
    if (named) named.set(view.name, audience)
    else this.#byFilter.set(view.filter, new Map([[view.name, audience]]))
    for (const topic of view.topics ?? ALL_TOPICS) {
      const audiences = this.#byTopic.get(topic)
      if (audiences) audiences.add(audience)
      else this.#byTopic.set(topic, new Set([audience]))
    }
  }

  #leave(audience: Audience): void {
    const { view } = audience
    view.dropBatches()
    const named = this.#byFilter.get(view.filter)
    named?.delete(view.name)
    if (named?.size === 0) this.#byFilter.delete(view.filter)
    for (const topic of view.topics ?? ALL_TOPICS) {
      const audiences = this.#byTopic.get(topic)
      audiences?.delete(audience)
      if (audiences?.size === 0) this.#byTopic.delete(topic)
    }
  }
}
