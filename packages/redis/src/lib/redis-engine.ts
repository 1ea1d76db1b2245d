import { TidingsError } from '@tidings/core'
import {
  type Engine,
  type EngineBatch,
  type EngineListener,
  type EnginePage,
  type EnginePosition,
  type EngineReceipt,
  type EngineSubscription,
  type EngineTelling,
  type EngineTold,
  engineId,
  type PageLimit,
  type ResolvedHistory,
  randomEpoch,
} from '@tidings/core/log'
import type { Connector } from './connector.ts'
import { explained, refusalOf } from './refusals.ts'
import { APPEND, DESTROY, READ, runScript, type Script, TELL } from './scripts.ts'
import type { Subscriptions } from './subscriptions.ts'

// Milliseconds. Idempotency keys serve a caller's retries, which come soon.
const KEYS_KNOWN = '600000'
// The names that are remembered. An app with more such logs has had enough reports.
const MOST_TOLD = 1_000

// The channel of messages that are not kept. Processes of the first release would take them for strange news. An ACL
// that allows `{name}:c*` allows it, too.
const TOLD = 'c:told'

/** The engine of a log on a Redis stream. */
export class RedisEngine implements Engine {
  readonly #connector: Connector
  readonly #subscriptions: Subscriptions
  readonly #name: string
  readonly #expiry: string

  /** @param expiry milliseconds after which unused keys expire */
  constructor(subscriptions: Subscriptions, name: string, expiry: number) {
    this.#connector = subscriptions.connector
    this.#subscriptions = subscriptions
    this.#name = name
    this.#expiry = String(Math.ceil(expiry))
  }

  async append({ writer, sequence, messages, ends, history }: EngineBatch): Promise<EngineReceipt> {
    const keys = await this.#keys()
    const texts: string[] = []
    const numbers: string[] = []
    for (const [index, { packed, idempotencyKey }] of messages.entries()) {
      texts.push(packed)
      if (idempotencyKey === undefined) continue
      keys.push(this.#key(`k:${idempotencyKey}`))
      numbers.push(String(index + 1))
    }
    const publish = this.#publish
    const bounds = [String(Math.ceil(history.messages)), String(Math.ceil(history.age ?? 0)), ends ? '1' : '0', String(texts.length), KEYS_KNOWN]
    const args = [randomEpoch(), this.#expiry, writer, String(sequence), publish, ...bounds, ...texts, ...numbers]
    const [outcome = '', untold] = String(await this.#run(APPEND, keys, args)).split('\n')
    const { others, ...receipt } = receiptOf(outcome, texts.length)
    if (untold !== undefined) return { ...receipt, isUntold: true, warning: refusalOf(publish, untold, this.#name) }
    return others === undefined ? receipt : { ...receipt, warning: this.#historyDiffers(others, history) }
  }

  async read(direction: 'after' | 'before', { offset, at }: EnginePosition, { messages, bytes }: PageLimit): Promise<EnginePage> {
    const range = direction === 'after' ? 'XRANGE' : 'XREVRANGE'
    const args = [randomEpoch(), this.#expiry, range, String(at), String(offset), String(messages), String(bytes)]
    const [epoch, headAt, head, ended, present, ...rest] = (await this.#run(READ, [this.#key('s'), this.#key('m')], args)) as unknown[]
    const entries = []
    for (let index = 0; index < rest.length; index += 3) {
      const [entryAt = 0, number = 0] = String(rest[index]).split('-').map(Number)
      // No log gives such a number, so it gets one that no reader asks for.
      const entryOffset = Number.isSafeInteger(number) ? number : -1
      entries.push({ offset: entryOffset, at: entryAt, before: Number(rest[index + 2]), packed: String(rest[index + 1]) })
    }
    return { epoch: String(epoch), offset: Number(head), at: Number(headAt), ended: String(ended) === '1', entries, present: Number(present) }
  }

  async tell({ writer, sequence, packed }: EngineTelling): Promise<void> {
    await this.#run(TELL, await this.#keys(TOLD), [randomEpoch(), this.#publish, writer, String(sequence), ...packed])
  }

  follow(listener: EngineListener): EngineSubscription {
    const told = this.#followTold(listener)
    const news = this.#followNews(listener)
    return {
      renew() {
        news.renew()
        told.renew()
      },
      close() {
        news.close()
        told.close()
      },
    }
  }

  #followTold(listener: EngineListener): EngineSubscription {
    return this.#subscriptions.add(`${this.#connector.prefix}${this.#key(TOLD)}`, {
      restored: () => {},
      message: (text) => {
        const told = toldFrom(text)
        if (told) listener.told?.(told)
        else listener.strange(`${JSON.stringify(text.slice(0, 100))} was published on its channel of messages that are not kept`)
      },
      // Both channels share a connection, so the other one tells of it. Without the right to this one, a log goes on
      // without such messages.
      lost: () => {},
    })
  }

  #followNews(listener: EngineListener): EngineSubscription {
    return this.#subscriptions.add(`${this.#connector.prefix}${this.#key('c')}`, {
      restored: () => listener.restored(),
      message: (text) => {
        const news = newsOf(text)
        if (news) listener.news(news)
        else listener.strange(`${JSON.stringify(text.slice(0, 100))} was published on its channel`)
      },
      lost: (error) => listener.lost(explained(error, this.#name, this.#connector.isSharded ? 'SSUBSCRIBE' : 'SUBSCRIBE')),
    })
  }

  /** Removes the log, and makes its followers look. */
  async destroy(): Promise<void> {
    await this.#run(DESTROY, await this.#keys(), [randomEpoch(), this.#publish])
  }

  /** Whether the log exists. The first append or read makes it. */
  async exists(): Promise<boolean> {
    return Number(await this.#connector.send(this.#key('m'), ['EXISTS', this.#key('m')])) === 1
  }

  /** The keys of the stream and of its metadata, and a channel. */
  async #keys(channel = 'c'): Promise<string[]> {
    return [this.#key('s'), this.#key('m'), this.#key(channel) + (await this.#connector.tag())]
  }

  get #publish(): string {
    return this.#connector.isSharded ? 'SPUBLISH' : 'PUBLISH'
  }

  async #run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    try {
      return await runScript(this.#connector, script, keys, args)
    } catch (error) {
      throw explained(error, this.#name)
    }
  }

  /** Reports the difference once in a process. The other process reports it, too. */
  #historyDiffers(others: string, { messages, age }: ResolvedHistory): TidingsError | undefined {
    const { toldOf } = this.#subscriptions
    if (toldOf.has(this.#name) || toldOf.size === MOST_TOLD) return undefined
    toldOf.add(this.#name)
    const [theirMessages, theirAge] = others.split('/')
    const boundsOf = (count: unknown, oldest: unknown): string => `${count} messages${Number(oldest) > 0 ? ` of ${oldest} ms` : ''}`
    return new TidingsError(
      'ERR_SSE_HISTORY_DIFFERS',
      `The last append to the log ${JSON.stringify(this.#name)} had a history of ${boundsOf(theirMessages, theirAge)}, and this one has ${boundsOf(messages, age)}. The log keeps the smaller history; give all processes the same one`,
    )
  }

  /** All keys of a log share a hash tag, so they are on one node of a cluster. */
  #key(kind: string): string {
    return `{${this.#name}}:${kind}`
  }
}

/** The receipt, and the bounds of the append before this one if they differ. */
function receiptOf(outcome: string, count: number): EngineReceipt & { others: string | undefined } {
  const [epoch = '', at, before, ...known] = outcome.split(' ')
  const others = known[0] === 'history' ? known.splice(0, 2)[1] : undefined
  const knownIds = new Map<number, string>()
  for (let index = 0; index < known.length; index += 2) knownIds.set(Number(known[index]), known[index + 1] as string)
  let offset = Number(before)
  const ids: string[] = []
  for (let number = 1; number <= count; number++) {
    const knownId = knownIds.get(number)
    ids.push(knownId ?? engineId(epoch, { at: Number(at), offset: ++offset }))
  }
  return { epoch, offset, ids, others }
}

const TOLD_HEAD = /^([0-9a-f]{32}) (\d{1,16}) (\d{1,16}) ([0-9a-f]{32}) (\d{1,16})$/

/** Parses messages that are not kept. Returns `undefined` for text that no log has published. */
function toldFrom(text: string): EngineTold | undefined {
  const [head = '', ...packed] = text.split('\n')
  const [, epoch, at, offset, writer, sequence] = TOLD_HEAD.exec(head) ?? []
  if (epoch === undefined || writer === undefined) return undefined
  return { epoch, at: Number(at), offset: Number(offset), writer, sequence: Number(sequence), packed }
}

const NEWS_HEAD = /^([0-9a-f]{32}) (\d{1,16}) (\d{1,16}) (\d{1,16}) ([01])$/

/** Parses an announcement. Returns `undefined` for text that no log has published. */
function newsOf(text: string): EnginePage | undefined {
  const [head = '', ...lines] = text.split('\n')
  const [, epoch, beforeAt, before, stamp, ended] = NEWS_HEAD.exec(head) ?? []
  if (epoch === undefined) return undefined
  const first = Number(before) + 1
  const at = Number(stamp)
  const entries = lines.map((packed, index) => ({ offset: first + index, at, before: index === 0 ? Number(beforeAt) : at, packed }))
  return { epoch, at, offset: first - 1 + entries.length, ended: ended === '1', entries }
}
