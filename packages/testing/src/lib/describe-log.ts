import type { LogEntry, LogMessage, MessageLog } from '@tidings/core'
import { afterEach, describe, expect, test } from 'vitest'
import { within } from './client.ts'

/** A log that is to be proven. */
export interface LogUnderTest {
  /** Stands in the names of the tests. */
  name: string
  /**
   * Opens a log that is empty, and of an epoch of its own. It must keep at least `messages` messages, and may drop older ones; the suite
   * appends a few hundred. The suite closes it.
   */
  create(bounds: { messages: number }): MessageLog | Promise<MessageLog>
}

const AMPLE = 1_000
const ID = /^[A-Za-z0-9._~-]{1,128}$/

function message(data: string, topic?: string, key?: string): LogMessage {
  return { block: `event: note\ndata: ${data}\n`, event: 'note', data, isText: true, topic, key }
}

/**
 * The contract of a message log as a vitest suite. Call it in a test file with a log of your own; each test bears the id of the
 * sentence that it proves.
 *
 * @example
 * import { memoryLog } from '@tidings/core'
 * import { describeLog } from '@tidings/testing'
 *
 * describeLog({ name: 'memoryLog', create: (bounds) => memoryLog(bounds) })
 */
export function describeLog({ name, create }: LogUnderTest): void {
  describe(`${name} as a message log`, () => {
    const opened: MessageLog[] = []
    const open = async (messages = AMPLE): Promise<MessageLog> => {
      const log = await create({ messages })
      opened.push(log)
      // A log on an engine follows it from here on at the latest.
      await log.read(0, 1)
      return log
    }
    afterEach(async () => {
      for (const log of opened.splice(0)) await log.close()
    })

    test('G1 append resolves to an id that any header can carry', async () => {
      const log = await open()
      for (const data of ['', 'a', 'ä\u2028\n', 'x'.repeat(100_000)]) expect(await log.append(message(data))).toMatch(ID)
    })

    test('G1 ids grow in the order of the calls, also of those that nobody awaited', async () => {
      const log = await open()
      const ids = await Promise.all(Array.from({ length: 200 }, (_, index) => log.append(message(String(index)))))
      expect(new Set(ids).size).toBe(200)
      const { entries } = await log.read(0, 200)
      const offsets = ids.map((id) => log.locate(id))
      expect(offsets).toEqual(Array.from(ids, (_, index) => index + 1))
      expect(entries.map(({ data, id }) => [data, id])).toEqual(ids.map((id, index) => [String(index), id]))
    })

    test('G1 an entry is what was appended, with its id, its offset and its time', async () => {
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
      expect(entries.map(fieldsOf)).toEqual([
        { ...appended, id: ids[0], offset: 1, at: expect.any(Number) },
        { ...bare, id: ids[1], offset: 2, at: expect.any(Number) },
      ])
      // The log's clock may be another machine's.
      for (const { at } of entries) expect(Math.abs(at - before)).toBeLessThan(60_000)
    })

    test('G1 read gives pages of at most the limit, oldest first, from where one asks', async () => {
      const log = await open()
      expect(await log.read(0, 10)).toEqual({ entries: [], floor: 0 })
      for (let index = 1; index <= 25; index++) await log.append(message(String(index)))
      const page = async (after: number, limit: number) => {
        const { entries, floor } = await log.read(after, limit)
        return { data: entries.map(({ data }) => data), offsets: entries.map(({ offset }) => offset), floor }
      }
      expect(await page(0, 3)).toEqual({ data: ['1', '2', '3'], offsets: [1, 2, 3], floor: 0 })
      expect(await page(3, 2)).toEqual({ data: ['4', '5'], offsets: [4, 5], floor: 0 })
      expect(await page(23, 100)).toEqual({ data: ['24', '25'], offsets: [24, 25], floor: 0 })
      expect(await page(25, 100)).toEqual({ data: [], offsets: [], floor: 0 })
    })

    test('G1 whatever it has lost lies at or below the floor, and all above is there without a hole', async () => {
      const log = await open(20)
      for (let index = 1; index <= 300; index++) await log.append(message(String(index)))
      const { entries, floor } = await log.read(0, 1_000)
      expect(floor).toBeLessThanOrEqual(280)
      expect(entries.map(({ offset }) => offset)).toEqual(Array.from({ length: 300 - floor }, (_, index) => floor + 1 + index))
      expect(entries.map(({ data }) => data)).toEqual(entries.map(({ offset }) => String(offset)))
    })

    test('G1 who follows gets every entry once and in order, those of this process too', async () => {
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
      expect(followed.map(({ id, data }) => [id, data])).toEqual(ids.map((id, index) => [id, String(index)]))
      expect(alsoFollowed).toEqual(followed)
      expect((await log.read(1, 100)).entries).toEqual(followed)
    })

    test('G1 who follows no more gets nothing, and the others go on', async () => {
      const log = await open()
      const left: string[] = []
      const unfollow = log.follow({ entry: ({ data }) => void left.push(data) })
      const next = () => new Promise<string>((resolve) => void log.follow({ entry: ({ data }) => resolve(data) }))
      const first = next()
      await log.append(message('a'))
      expect(await within(first, 'the first entry')).toBe('a')
      unfollow()
      unfollow()
      const second = next()
      await log.append(message('b'))
      expect(await within(second, 'the second entry')).toBe('b')
      expect(left).toEqual(['a'])
    })

    test('G1 finds the offset of each id that it gave out, and the id of each position', async () => {
      const log = await open(20)
      const ids: string[] = []
      for (let index = 0; index < 60; index++) ids.push(await log.append(message('x')))
      await log.read(0, 1)
      expect(ids.slice(40).map((id) => log.locate(id))).toEqual(Array.from({ length: 20 }, (_, index) => 41 + index))
      for (const offset of [41, 50, 60]) expect(log.idOf(offset)).toBe(ids[offset - 1])
      expect(log.locate(log.idOf(0))).toBe(0)
      expect(log.idOf(0)).toMatch(ID)
    })

    test('G1 knows no id that it never gave out: of another epoch, of the future, or no id at all', async () => {
      const log = await open()
      const other = await open()
      const id = await log.append(message('a'))
      const strange = await other.append(message('a'))
      await other.append(message('b'))
      await log.read(0, 1)
      expect(strange).not.toBe(id)
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
      for (const each of unknown) expect(log.locate(each), each).toBeUndefined()
      expect(log.locate(id)).toBe(1)
    })

    test('G1 a second append with one idempotency key gives the first id and adds nothing', async () => {
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
      expect([again, later]).toEqual([first, first])
      const other = await log.append(message('b'), { idempotencyKey: 'l' })
      const without = await log.append(message('a'))
      expect(new Set([first, other, without]).size).toBe(3)
      await log.append(message('last'))
      await within(last, 'the last entry')
      expect(followed).toEqual(['a', 'b', 'a', 'last'])
    })

    test('C10 its end comes behind all that was appended, is told once to each who follows, also later, and nothing comes after', async () => {
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
      expect(late).toBe('ERR_SSE_CHANNEL_ENDED')
      await within(new Promise<void>((resolve) => void log.follow({ entry: () => {}, finished: resolve })), 'the end, for one who came later')
      expect(told).toEqual(['a', 'end'])
      expect((await log.read(0, 10)).entries.map(({ id }) => id)).toEqual([await appended])
    })

    test('G1 after close nobody is told of anything', async () => {
      const log = await open()
      const followed: string[] = []
      log.follow({ entry: ({ data }) => void followed.push(data) })
      await log.close()
      await log.append(message('late')).catch(() => {})
      expect(followed).toEqual([])
      await log.close()
    })
  })
}
