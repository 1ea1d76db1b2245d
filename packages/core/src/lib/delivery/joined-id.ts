import { wrongOption } from '../option-checks.ts'

// The id of a stream that named channels feed is `name~id~name~id…`, one pair for each channel. With these bounds it
// stays below the 1 KiB that a last event id may have.
export const MOST_CHANNELS = 8
const NAME = /^[\w.-]{1,32}$/
const ID = /^[\w.-]{1,80}$/
/** An id that no log gives out. It stands for an id that cannot be told again. */
const UNKNOWN = '-'

/** Checks the name of a channel. @throws `ERR_SSE_INVALID_OPTION` */
export function checkChannelName(name: unknown): void {
  if (name !== undefined && !(typeof name === 'string' && NAME.test(name)))
    throw wrongOption('name', "1 to 32 characters of A-Z, a-z, 0-9, '.', '_' and '-'", name)
}

/**
 * The ids that a client has of the channels of one stream. Streams share them, so they never change. They begin as the
 * client's last event id. An id without a name, from a time when the stream had one channel, is kept under the name
 * `''` until a channel knows it.
 */
export class JoinedId {
  readonly #ids: Map<string, string>

  /** @param lastEventId the client's. A text that is no joined id counts as an id without a name */
  constructor(lastEventId: string, ids: Map<string, string> = new Map()) {
    this.#ids = ids
    if (lastEventId === '') return
    const parts = lastEventId.split('~')
    for (let index = 0; index < parts.length; index += 2) {
      const [name = '', id = ''] = parts.slice(index)
      if ((name === '' || NAME.test(name)) && ID.test(id)) this.#ids.set(name, id)
    }
    if (parts.length === 2 * this.#ids.size && this.#ids.size - Number(this.#ids.has('')) <= MOST_CHANNELS) return
    this.#ids.clear()
    this.#ids.set('', lastEventId)
  }

  /** The id of a channel; the id without a name where there is none; `''` where there is neither. */
  of(name: string): string {
    return this.#ids.get(name) ?? this.#ids.get('') ?? ''
  }

  /**
   * The ids with another one of a channel.
   *
   * @param knows whether the channel gave out an id
   */
  with(name: string, id: string, knows: (id: string) => boolean): JoinedId {
    const ids = new Map(this.#ids)
    // Moves it to the end, so that up-to-date streams have the same order and share bytes.
    ids.delete(name)
    ids.set(name, id)
    const nameless = ids.get('')
    if (nameless !== undefined && knows(nameless)) ids.delete('')
    return new JoinedId('', ids)
  }

  /** The ids with room for those of these channels, at most eight. Those of others are dropped. */
  withRoomFor(channels: ReadonlyMap<string, unknown>): JoinedId {
    const ids = new Map(this.#ids)
    const others = [...ids.keys()].filter((name) => name !== '' && !channels.has(name))
    for (const name of others.slice(0, Math.max(0, channels.size + others.length - MOST_CHANNELS))) {
      ids.delete(name)
      // Such a channel would take the client for a new one otherwise.
      ids.set('', UNKNOWN)
    }
    return new JoinedId('', ids)
  }

  /** The joined id up to the id of this channel, which comes last. */
  before(name: string): string {
    return `${this.#text(name)}${name}~`
  }

  toString(): string {
    return this.#text().slice(0, -1)
  }

  #text(without?: string): string {
    let text = ''
    for (const [name, id] of this.#ids) if (name !== without) text += `${name}~${ID.test(id) ? id : UNKNOWN}~`
    return text
  }
}
