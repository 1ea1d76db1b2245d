import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict'
import { type Channel, createChannel, type LogEntry, type LogMessage, type MessageLog, type SubscribeOptions, type TailedLog } from '@tidings/core'
import { eventStreamResponse } from '@tidings/core/web'
import type { LogUnderTest } from '../log-under-test.ts'
import { eventually, within } from '../within.ts'
import { type ContractSuite, type Sentence, type Stage, sentence, testsOf } from './sentence.ts'
import { isShort, SHORT_AND_LONG } from './short-and-long.ts'

/** What a proof about a log works with. */
export interface LogWorld extends LogUnderTest {
  /**
   * Opens a log that is empty and keeps at least so many messages, up to so many milliseconds. It is closed when the
   * test is over.
   */
  open: (messages?: number, age?: number) => Promise<MessageLog>
  /** Opens one that nobody has read, with a channel over it. `undefined` for a log that no channel can read. */
  openChannel: () => Promise<{ channel: Channel; log: MessageLog } | undefined>
  /** Closes a log when the test is over. */
  closes: (log: MessageLog) => void
}

const AMPLE = 1_000
const ID = /^[A-Za-z0-9._-]{1,80}$/

function message(data: string, topic?: string, key?: string): LogMessage {
  return { block: `event: note\ndata: ${data}\n`, event: 'note', data, isText: true, topic, key }
}

/**
 * Subscribes a stream of a client that comes with an id, or without one. Resolves once that is done, to what the
 * stream is written.
 */
function subscribed(channel: Channel, options: SubscribeOptions, lastEventId: string, then = (): void => {}): Promise<{ text: string; hasEnded: boolean }> {
  return subscribedTo([[channel, options]], lastEventId, then)
}

/** The same for a stream of several channels. */
function subscribedTo(
  subscriptions: readonly (readonly [Channel, SubscribeOptions])[],
  lastEventId: string,
  then = (): void => {},
): Promise<{ text: string; hasEnded: boolean }> {
  const read = { text: '', hasEnded: false }
  const request = new Request('http://localhost/', { headers: lastEventId === '' ? {} : { 'last-event-id': lastEventId } })
  return new Promise((resolve, reject) => {
    const { body } = eventStreamResponse(
      request,
      (stream) => {
        for (const [channel, options] of subscriptions) channel.subscribe(stream, options)
        then()
        resolve(read)
      },
      { heartbeat: false },
    )
    const readAll = async (): Promise<void> => {
      const decoder = new TextDecoder()
      const reader = body?.getReader()
      for (let chunk = await reader?.read(); chunk && !chunk.done; chunk = await reader?.read()) read.text += decoder.decode(chunk.value, { stream: true })
      read.hasEnded = true
    }
    readAll().catch(reject)
  })
}

const dataIn = (text: string): string[] => [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => data)

/** Resolves once the channel knows that nothing follows this id. */
async function eventuallyEnded(channel: Channel, lastId: string): Promise<void> {
  while (!(await channel.ended(lastId))) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** G: logs. */
export const logContract: readonly Sentence<LogUnderTest, LogWorld>[] = [
  sentence(
    'G1',
    '`append` MUST resolve with the id when the engine has the message. Ids grow. The messages that wait are bounded in bytes and in ' +
      'time; then `append` rejects with `ERR_SSE_LOG_UNAVAILABLE`. A `publish` that nobody awaits MUST NOT become an unhandled ' +
      'rejection: `onError` gets the error. A message that is sent again, by the client library or by Tidings, adds nothing and returns ' +
      'its first id.',
    'Tidings',
    {
      // Append resolves to an id that any header can carry.
      id: async ({ open }) => {
        const log = await open()
        for (const data of ['', 'a', 'ä\u2028\n', 'x'.repeat(100_000)]) match(await log.append(message(data)), ID)
      },
      // Ids grow in the order of the calls, also of calls that are not awaited.
      'order-of-calls': async ({ open }) => {
        const log = await open()
        const ids = await Promise.all(Array.from({ length: 200 }, (_, index) => log.append(message(String(index)))))
        equal(new Set(ids).size, 200)
        const { entries } = await log.read(0, 200)
        const offsets = ids.map((id) => log.locate(id))
        deepEqual(
          offsets,
          Array.from(ids, (_, index) => index + 1),
        )
        deepEqual(
          entries.map(({ data, id }) => [data, id]),
          ids.map((id, index) => [String(index), id]),
        )
      },
      // An entry has the appended message, its id, its offset and its time.
      entry: async ({ open }) => {
        const log = await open()
        const before = Date.now()
        const appended: LogMessage = { block: 'event: goal\ndata: {"n":1}\n', event: 'goal', data: '{"n":1}', isText: false, topic: 'match/ä', key: 'k' }
        const bare: LogMessage = { block: 'data: a\ndata: b\n', event: 'message', data: 'a\r\nb', isText: true, topic: undefined, key: undefined }
        const ids = [await log.append(appended), await log.append(bare)]
        const { entries } = await log.read(0, 10)
        const fieldsOf = ({ block, event, data, isText, topic, key, id, offset, at }: LogEntry): LogEntry => ({
          block,
          event,
          data,
          isText,
          topic,
          key,
          id,
          offset,
          at,
        })
        deepEqual(entries.map(fieldsOf), [
          { ...appended, id: ids[0], offset: 1, at: entries[0]?.at },
          { ...bare, id: ids[1], offset: 2, at: entries[1]?.at },
        ])
        // The log's clock may be another machine's.
        for (const { at } of entries) ok(Math.abs(at - before) < 60_000, `${Math.abs(at - before)}`)
      },
      // `read` gives pages of at most the limit, oldest first, from the given offset.
      pages: async ({ open }) => {
        const log = await open()
        deepEqual(await log.read(0, 10), { entries: [], floor: 0 })
        for (let index = 1; index <= 25; index++) await log.append(message(String(index)))
        const page = async (after: number, limit: number) => {
          const { entries, floor } = await log.read(after, limit)
          return { data: entries.map(({ data }) => data), offsets: entries.map(({ offset }) => offset), floor }
        }
        deepEqual(await page(0, 3), { data: ['1', '2', '3'], offsets: [1, 2, 3], floor: 0 })
        deepEqual(await page(3, 2), { data: ['4', '5'], offsets: [4, 5], floor: 0 })
        deepEqual(await page(23, 100), { data: ['24', '25'], offsets: [24, 25], floor: 0 })
        deepEqual(await page(25, 100), { data: [], offsets: [], floor: 0 })
      },
      // All lost messages lie at or below the floor. Above it none is missing.
      floor: async ({ open }) => {
        const log = await open(20)
        for (let index = 1; index <= 300; index++) await log.append(message(String(index)))
        const { entries, floor } = await log.read(0, 1_000)
        ok(floor <= 280, `${floor}`)
        deepEqual(
          entries.map(({ offset }) => offset),
          Array.from({ length: 300 - floor }, (_, index) => floor + 1 + index),
        )
        deepEqual(
          entries.map(({ data }) => data),
          entries.map(({ offset }) => String(offset)),
        )
      },
      // A follower gets every entry once and in order, also those of its own process.
      follow: async ({ open }) => {
        const log = await open()
        await log.append(message('before'))
        await log.read(0, 1)
        const followed: LogEntry[] = []
        const alsoFollowed: LogEntry[] = []
        const all = new Promise<void>((resolve) => {
          log.follow({ entry: (entry) => void (followed.push(entry) === 100 && resolve()) })
        })
        const others = new Promise<void>((resolve) => {
          log.follow({ entry: (entry) => void (alsoFollowed.push(entry) === 100 && resolve()) })
        })
        const ids = await Promise.all(Array.from({ length: 100 }, (_, index) => log.append(message(String(index), `t${index % 3}`))))
        await within(Promise.all([all, others]), 'all entries')
        deepEqual(
          followed.map(({ id, data }) => [id, data]),
          ids.map((id, index) => [id, String(index)]),
        )
        deepEqual(alsoFollowed, followed)
        deepEqual((await log.read(1, 100)).entries, followed)
      },
      // A follower that has stopped gets nothing more, and the others go on.
      unfollow: async ({ open }) => {
        const log = await open()
        const left: string[] = []
        const unfollow = log.follow({ entry: ({ data }) => void left.push(data) })
        const next = () => new Promise<string>((resolve) => void log.follow({ entry: ({ data }) => resolve(data) }))
        const first = next()
        await log.append(message('a'))
        equal(await within(first, 'the first entry'), 'a')
        unfollow()
        unfollow()
        const second = next()
        await log.append(message('b'))
        equal(await within(second, 'the second entry'), 'b')
        deepEqual(left, ['a'])
      },
      // Finds the offset of each of its ids, and the id of each offset.
      positions: async ({ open }) => {
        const log = await open(20)
        const ids: string[] = []
        for (let index = 0; index < 60; index++) ids.push(await log.append(message('x')))
        await log.read(0, 1)
        deepEqual(
          ids.slice(40).map((id) => log.locate(id)),
          Array.from({ length: 20 }, (_, index) => 41 + index),
        )
        for (const offset of [41, 50, 60]) equal(log.idOf(offset), ids[offset - 1])
        equal(log.locate(log.idOf(0)), 0)
        match(log.idOf(0), ID)
      },
      // Knows no foreign id: of another epoch, of the future, or none at all.
      'unknown-ids': async ({ open }) => {
        const log = await open()
        const other = await open()
        const id = await log.append(message('a'))
        const strange = await other.append(message('a'))
        await other.append(message('b'))
        await log.read(0, 1)
        notEqual(strange, id)
        const future = id.replace(/[0-9](?=[^0-9]*$)/, '9')
        const unknown = [
          strange,
          other.idOf(0),
          future,
          `${id}0`,
          ` ${id}`,
          `${id} `,
          `0${id}`,
          '',
          '0',
          '1',
          '-1',
          '1-',
          '\uFFFD',
          '💥',
          'x'.repeat(2_000),
          'constructor',
        ]
        for (const each of unknown) equal(log.locate(each), undefined, each)
        equal(log.locate(id), 1)
      },
      // A second append with the same idempotency key returns the first id and adds nothing.
      'idempotency-key': async ({ open }) => {
        const log = await open()
        const followed: string[] = []
        const last = new Promise<void>((resolve) => {
          log.follow({
            entry: ({ data }) => {
              followed.push(data)
              if (data === 'last') resolve()
            },
          })
        })
        const [first, again] = await Promise.all([log.append(message('a'), { idempotencyKey: 'k' }), log.append(message('a'), { idempotencyKey: 'k' })])
        const later = await log.append(message('other data'), { idempotencyKey: 'k' })
        deepEqual([again, later], [first, first])
        const other = await log.append(message('b'), { idempotencyKey: 'l' })
        const without = await log.append(message('a'))
        equal(new Set([first, other, without]).size, 3)
        await log.append(message('last'))
        await within(last, 'the last entry')
        deepEqual(followed, ['a', 'b', 'a', 'last'])
      },
      // The end comes after all messages, and last. Each follower is told once, also one that comes later.
      end: {
        also: ['C10'],
        proof: async ({ open }) => {
          const log = await open()
          const told: string[] = []
          let finished = (): void => {}
          const over = new Promise<void>((resolve) => {
            finished = resolve
          })
          log.follow({
            entry: ({ data }) => void told.push(data),
            finished: () => {
              told.push('end')
              finished()
            },
          })
          const appended = log.append(message('a'))
          await Promise.all([appended, log.end(), log.end()])
          await within(over, 'the end')
          const late = await log.append(message('b')).catch((error: { code?: unknown }) => error.code)
          equal(late, 'ERR_SSE_CHANNEL_ENDED')
          await within(new Promise<void>((resolve) => void log.follow({ entry: () => {}, finished: resolve })), 'the end, for one who came later')
          deepEqual(told, ['a', 'end'])
          deepEqual(
            (await log.read(0, 10)).entries.map(({ id }) => id),
            [await appended],
          )
        },
      },
      // A stream and `messages()` get the messages that the process publishes after their call, also in an outage of
      // the engine.
      'from-now-on': {
        also: ['C16'],
        each: ({ disturbances = {} }) => ['undisturbed', ...Object.keys(disturbances)],
        proof: async ({ openChannel, again, closes, disturbances = {} }, each) => {
          const opened = await openChannel()
          if (!opened) return
          const { channel, log } = opened
          const other = again?.(log)
          if (other) closes(other)
          const end = await disturbances[each]?.()
          const read: string[] = []
          const published: Promise<unknown>[] = []
          const publish = (...datas: string[]): void => {
            for (const data of datas) published.push(channel.publish(data))
          }
          const stream = await subscribed(channel, {}, '', () => {
            publish('a')
            other?.append(message('of another')).catch(() => {})
            publish('b', 'c')
          })
          const collect = async (): Promise<void> => {
            for await (const { data } of channel.messages()) read.push(String(data))
          }
          const collecting = collect()
          publish('d')
          await end?.()
          await Promise.all(published)
          publish('last')
          await eventually(
            () => read.includes('last') && stream.text.includes('data: last\n'),
            () => `the last message; there are ${read.join()} and ${dataIn(stream.text).join()}`,
          )
          const own = (datas: string[]): string[] => datas.filter((data) => data !== 'of another')
          deepEqual(own(dataIn(stream.text)), ['a', 'b', 'c', 'd', 'last'])
          deepEqual(own(read).slice(-2), ['d', 'last'])
          channel.close()
          await collecting
        },
      },
      // A message that is not kept reaches the followers of all processes between the entries, once, and no later one.
      'not-kept': {
        also: ['C14', 'G2'],
        proof: async ({ open, again, closes }) => {
          const log = await open()
          if (!log.tell) return
          const other = again?.(log)
          if (other) {
            closes(other)
            await other.read(0, 1)
          }
          const followers = [log, ...(other ? [other] : [])].map((each) => {
            const followed: string[] = []
            each.follow({
              entry: ({ data, offset }) => void followed.push(`${offset} ${data}`),
              told: ({ data, id, offset }) => void followed.push(`after ${offset} ${data}${id}`),
            })
            return { each, followed }
          })
          for (const { each } of followers) await each.read(0, 1)
          const appended = [log.append(message('a')), log.append(message('b'))]
          const told = [log.tell(message('told')), log.tell(message('told again'))]
          appended.push(log.append(message('c')))
          equal(new Set(await Promise.all(appended)).size, 3)
          deepEqual(await Promise.all(told), ['', ''])
          if (other?.tell) equal(await other.tell(message('told by the other')), '')
          await log.append(message('last'))
          for (const { followed } of followers) {
            await eventually(
              () => followed.at(-1) === '4 last',
              () => `the last entry; there are ${followed.join()}`,
            )
            const others = other ? ['after 3 told by the other'] : []
            deepEqual(followed, ['1 a', '2 b', 'after 2 told', 'after 2 told again', '3 c', ...others, '4 last'])
          }
          deepEqual(
            (await log.read(0, 10)).entries.map(({ data }) => data),
            ['a', 'b', 'c', 'last'],
          )
        },
      },
      // A message that is not kept is rejected while the engine is away, and is told again once it is back.
      'not-kept-away': {
        also: ['C14'],
        when: ({ disturbances = {} }) => Object.keys(disturbances).length > 0,
        each: ({ disturbances = {} }) => Object.keys(disturbances),
        proof: async ({ open, disturbances = {} }, each) => {
          const log = await open()
          if (!log.tell) return
          const heard: string[] = []
          log.follow({ entry: () => {}, told: ({ data }) => void heard.push(data) })
          await log.read(0, 1)
          const end = await disturbances[each]?.()
          equal(await log.tell(message('in vain')).catch(({ code }: { code?: unknown }) => code), 'ERR_SSE_LOG_UNAVAILABLE')
          await end?.()
          for (let count = 1; !heard.includes('back'); count++) {
            ok(count < 1_000)
            await log.tell(message('back')).catch(() => {})
            await new Promise((resolve) => setTimeout(resolve, 50))
          }
        },
      },
      // A client that ignores blocks without data has had all with the last message of its topics and its filter.
      'ended-by-topic': {
        also: ['C17'],
        proof: async ({ openChannel }) => {
          const opened = await openChannel()
          if (!opened) return
          const { channel } = opened
          const ids: string[] = []
          for (const [data, topic] of SHORT_AND_LONG) ids.push(await channel.publish(data, { topic }))
          channel.end()
          await eventuallyEnded(channel, ids.at(-1) as string)
          const asked: SubscribeOptions[] = [{}, { topics: ['a'] }, { topics: ['b'] }, { topics: ['a'], filter: isShort }, { topics: ['none'] }]
          const table = ids.map((id) => Promise.all(asked.map((options) => channel.ended(id, options))))
          deepEqual(await Promise.all(table), [
            [false, false, false, true, true],
            [false, false, false, true, true],
            [false, true, false, true, true],
            [true, true, true, true, true],
          ])
          const stream = await subscribed(channel, { topics: ['a'] }, ids[2] as string)
          await eventually(() => stream.hasEnded, 'the end of a stream with nothing left')
          deepEqual(dataIn(stream.text), [])
          ok(Number(/^retry: (\d+)$/m.exec(stream.text)?.[1]) >= 300_000, stream.text)
          channel.close()
        },
      },
      // A stream and `messages()` begin with the last kept messages of their topics, also in a process that has none
      // of them in its memory, and by the log's clock.
      'recent-first': {
        also: ['C18'],
        proof: async ({ openChannel, again, closes }) => {
          const opened = await openChannel()
          if (!opened) return
          const ids: string[] = []
          for (let number = 1; number <= 200; number++) ids.push(await opened.channel.publish(`${number}`, { topic: number % 20 === 0 ? 'rare' : 'other' }))
          const other = again?.(opened.log)
          if (other) closes(other)
          const channels = [opened.channel, ...(other ? [createChannel({ log: other as TailedLog, onError: () => {} })] : [])]
          const last = (count: number): string[] => Array.from({ length: count }, (_, index) => `${200 - count + 1 + index}`)
          const rare = ['20', '40', '60', '80', '100', '120', '140', '160', '180', '200']
          const asked: [SubscribeOptions, string[]][] = [
            [{ after: { last: 150 } }, last(150)],
            [{ after: { last: 1_000 } }, last(200)],
            [{ topics: ['rare'], after: { last: 3 } }, rare.slice(-3)],
            [{ topics: ['none', 'rare'], after: { last: 100 } }, rare],
            [{ topics: ['rare'], after: { within: 3_600_000 } }, rare],
          ]
          const { now } = Date
          for (const channel of channels) {
            // The log's clock counts, where that is not the process's.
            if (other) Date.now = () => now() + 36_000_000
            try {
              for (const [options, expected] of asked) {
                const { topics, after } = options
                const stream = await subscribed(channel, options, '')
                const read: string[] = []
                for await (const { data } of channel.messages({ topics, after })) if (read.push(data as string) === expected.length) break
                deepEqual(read, expected)
                await eventually(
                  () => dataIn(stream.text).length >= expected.length,
                  () => `the last messages; there are ${dataIn(stream.text).join()}`,
                )
                deepEqual(dataIn(stream.text), expected)
              }
            } finally {
              Date.now = now
            }
            const back = await subscribed(channel, { after: { last: 100 } }, ids[197] as string)
            await eventually(
              () => dataIn(back.text).length >= 2,
              () => `what follows its id; there is ${dataIn(back.text).join()}`,
            )
            deepEqual(dataIn(back.text), ['199', '200'])
          }
          for (const channel of channels) channel.close()
        },
      },
      // Two logs feed one stream, and a client resumes each of them, in any order and after any of its messages.
      joined: {
        also: ['C13'],
        proof: async ({ openChannel }) => {
          const [one, two] = [await openChannel(), await openChannel()]
          if (!one || !two) return
          const feeds = [
            [one.channel, { name: 'one' }],
            [two.channel, { name: 'two' }],
          ] as const
          const first = await subscribedTo(feeds, '')
          await eventually(() => first.text.includes('two~'), 'both positions')
          for (const number of [1, 2, 3]) for (const [channel, { name }] of feeds) await channel.publish(`${name} ${number}`)
          const all = [1, 2, 3].flatMap((number) => [`one ${number}`, `two ${number}`])
          await eventually(() => dataIn(first.text).length === all.length, 'all messages')
          deepEqual(dataIn(first.text).sort(), [...all].sort())
          // Each place where the connection may have been cut.
          const ends = [...first.text.matchAll(/^id: (.*)$/gm)].map(([, id = ''], index, { length }) => ({ id, left: length - 1 - index }))
          for (const [index, { id, left }] of ends.entries()) {
            if (!id.includes('one~') || !id.includes('two~')) continue
            const back = await subscribedTo(index % 2 === 0 ? feeds : [...feeds].reverse(), id)
            const missed = dataIn(first.text).slice(all.length - Math.min(left, all.length))
            await eventually(
              () => dataIn(back.text).length >= missed.length,
              () => `${missed.join()} after ${id}; there are ${dataIn(back.text).join()}`,
            )
            deepEqual(dataIn(back.text).sort(), [...missed].sort())
          }
          one.channel.close()
          two.channel.close()
        },
      },
      // A snapshot has its position, also one that takes longer than the log keeps that position in memory. A client
      // that comes back with it gets the messages after it.
      'snapshot-position': {
        also: ['C4', 'C15'],
        proof: async ({ openChannel }) => {
          const opened = await openChannel()
          if (!opened) return
          const { channel } = opened
          await channel.publish('before')
          let finish = (): void => {}
          const finished = new Promise<void>((resolve) => {
            finish = resolve
          })
          const options: SubscribeOptions = {
            snapshot: async () => {
              await finished
              return [{ event: 'state', data: 'begins' }, { event: 'state', data: 'ends' }, { comment: 'after it' }]
            },
          }
          const first = await subscribed(channel, options, '')
          const missed = Array.from({ length: 200 }, (_, index) => String(index))
          for (const data of missed) await channel.publish(data)
          finish()
          await eventually(() => dataIn(first.text).length === 2 + missed.length, 'the state and what follows it')
          const [, id = ''] = /\ndata: begins\n\nevent: state\ndata: ends\nid: (.+)\n\n: after it\n\n/.exec(first.text) ?? []
          match(id, ID)
          deepEqual(dataIn(first.text).slice(2), missed)
          const back = await subscribed(channel, options, id)
          await eventually(() => dataIn(back.text).length >= missed.length, 'the missed messages')
          deepEqual(dataIn(back.text), missed)
          channel.close()
        },
      },
      // After `close` no follower is called.
      closed: async ({ open }) => {
        const log = await open()
        const followed: string[] = []
        log.follow({ entry: ({ data }) => void followed.push(data) })
        await log.close()
        await log.append(message('late')).catch(() => {})
        deepEqual(followed, [])
        await log.close()
      },
    },
  ),
  sentence(
    'G2',
    'Two processes on one log MUST see one order and the same ids. A client that moves between them misses nothing and gets nothing ' + 'twice.',
    'Tidings',
    { provedIn: ['packages/redis/test/redis-log.test.ts', 'packages/redis/test/cluster.test.ts', 'packages/redis/test/support/describe-faults.ts'] },
  ),
  sentence(
    'G3',
    'Streams MUST stay open when the engine stops, freezes or starts, when its connection is cut, when its data is flushed, and when ' +
      'a replica becomes the master without the newest entries. Following begins again by itself, with back-off; a watchdog drops a ' +
      'frozen connection. Lost messages are told as a gap. No wrong message is sent, and no rejection is unhandled.',
    'Tidings',
    { provedIn: ['packages/core/test/engine-log.test.ts', 'packages/redis/test/support/describe-faults.ts', 'packages/redis/test/cluster.test.ts'] },
  ),
  sentence(
    'G4',
    'The user brings the client, whose type is structural. The log MUST NOT close a client that it did not open. It owns each client ' +
      'that it opened, and adds an `error` listener first.',
    'Tidings',
    { provedIn: 'packages/redis/test/redis-log.test.ts' },
  ),
  sentence(
    'G5',
    'Pages MUST be bounded in bytes and in messages (by default 1 MiB a page), when the log catches up, when it reads back, and in ' +
      '`messages`. A call that ran out of time is made smaller before it is repeated. At the default bounds, no call holds a shared ' +
      'engine for more than 50 ms.',
    'Tidings',
    { provedIn: ['packages/core/test/engine-log-pages.test.ts', 'packages/redis/test/pages.test.ts'] },
  ),
  sentence(
    'G6',
    "Ages MUST be judged by the engine's clock alone. A process whose clock is hours off loses and keeps the same messages as others.",
    'Tidings',
    {
      // The clock of this process is 90 s ahead, and messages live for 60 s.
      'clock-ahead': {
        when: ({ hasOwnClock = false }) => hasOwnClock,
        proof: async ({ open }) => {
          const log = await open(AMPLE, 60_000)
          const before = await log.append(message('before'))
          const { now } = Date
          Date.now = () => now() + 90_000
          try {
            const later = await log.append(message('later'))
            const { entries, floor } = await log.read(0, 10)
            deepEqual({ ids: entries.map(({ id }) => id), floor }, { ids: [before, later], floor: 0 })
            for (const { at } of entries) ok(Math.abs(at - now()) < 60_000)
          } finally {
            Date.now = now
          }
        },
      },
    },
  ),
  sentence(
    'G7',
    'An engine may hold entries that are no messages of this log: of another program, of another version, or written by hand. They ' +
      'MUST be reported to `onError`, and skipped or told as a gap. They MUST NOT stop the following for good, or reach a client.',
    'Tidings',
    {
      // Followers and readers get the messages that are appended after it, and nothing else.
      foreign: {
        when: ({ foreign = {} }) => Object.keys(foreign).length > 0,
        each: ({ foreign = {} }) => Object.keys(foreign),
        proof: async ({ open, foreign = {} }, each) => {
          const log = await open()
          const told: LogEntry[] = []
          log.follow({ entry: (entry) => void told.push(entry) })
          const datas = ['after', 'later', 'last']
          await log.append(message('before'))
          await eventually(() => told.length === 1, 'the first message')
          await foreign[each]?.(log)
          const ids: string[] = []
          for (const data of datas) ids.push(await log.append(message(data)))
          await eventually(() => told.at(-1)?.data === 'last', 'the last message')
          // A gap may come before them.
          const blocks = (entries: readonly LogEntry[]): string[] => entries.map(({ block }) => block)
          const appended = ['before', ...datas].map((data) => message(data).block)
          deepEqual(blocks(told), [appended[0], ...appended.slice(1 - told.length)])
          const { entries } = await log.read(0, 100)
          deepEqual(blocks(entries), appended.slice(-entries.length))
          deepEqual(
            ids.slice(-entries.length),
            entries.slice(-ids.length).map(({ id }) => id),
          )
        },
      },
    },
  ),
  sentence(
    'G8',
    'A limit of the engine (missing permissions, a read-only replica, no memory left, an unsupported client) MUST be told once, at ' +
      'the first call, by an error that names the command and says what to do.',
    'Tidings',
    { provedIn: ['packages/redis/test/append.test.ts', 'packages/redis/test/redis-log.test.ts'] },
  ),
  sentence('G9', '`destroy()` MUST remove a log and its name from the engine. Other processes that follow it tell a reset. The name begins anew.', 'Tidings', {
    provedIn: 'packages/redis/test/redis-log.test.ts',
  }),
  sentence('G10', 'The channel MUST tell when it can no longer follow its log, and when it follows it again.', 'Tidings', {
    provedIn: ['packages/core/test/engine-log.test.ts', 'packages/redis/test/redis-log.test.ts'],
  }),
]

/**
 * The contract of a message log, as a suite for any test runner.
 *
 * @example
 * import { test } from 'node:test'
 * import { memoryLog } from '@tidings/core'
 * import { logSuite } from '@tidings/testing/contract'
 *
 * const { tests } = logSuite({ name: 'memoryLog', create: (bounds) => memoryLog(bounds) })
 * for (const { name, run } of tests) test(name, run)
 */
export function logSuite(subject: LogUnderTest): ContractSuite {
  return { name: `${subject.name} as a message log`, tests: testsOf(logContract, subject, stageFor(subject)) }
}

function stageFor(subject: LogUnderTest): Stage<LogWorld> {
  return async (proof) => {
    const opened: MessageLog[] = []
    const open = async (messages = AMPLE, age?: number): Promise<MessageLog> => {
      const log = await subject.create({ messages, ...(age !== undefined && { age }) })
      opened.push(log)
      // From here on, at the latest, a log on an engine follows it.
      await log.read(0, 1)
      return log
    }
    const openChannel: LogWorld['openChannel'] = async () => {
      const log = await subject.create({ messages: AMPLE })
      opened.push(log)
      return 'tail' in log ? { channel: createChannel({ log: log as TailedLog, onError: () => {} }), log } : undefined
    }
    try {
      await proof({ ...subject, open, openChannel, closes: (log) => opened.push(log) })
    } finally {
      for (const log of opened) await log.close()
    }
  }
}
