import { describe, expect, test, vi } from 'vitest'
import type { SubscribeOptions } from '../src/lib/channel/subscription.ts'
import { turn } from './support/held-sink.ts'
import { flushed, openChannel } from './support/joined-channel.ts'

/** A filter of its own, which reads the data. */
const reads = (): SubscribeOptions => ({ filter: ({ data }) => data !== undefined })

describe('C8 the values of data', () => {
  test('C8 are shared by all readers in one turn, and kept no longer', async () => {
    const parse = vi.fn(JSON.parse)
    const { channel, join } = openChannel({ parse })
    join(reads())
    join(reads())
    const [one, other] = [channel.messages(), channel.messages()]
    void channel.publish({ data: { deep: [1] } })
    await flushed()
    const [first, second] = [(await one.next()).value, (await other.next()).value]
    expect([first?.data === second?.data, parse.mock.calls.length]).toEqual([true, 1])
    await turn()
    join({ ...reads(), after: 'start' })
    expect(parse).toHaveBeenCalledTimes(2)
  })

  test('C8 are shared for a million characters of text, and parsed again for each reader beyond that', async () => {
    const parse = vi.fn(JSON.parse)
    const { channel, join } = openChannel({ parse })
    // Each has 100,000 characters.
    for (let index = 0; index < 30; index++) void channel.publish({ data: ['x'.repeat(99_996)] })
    await flushed()
    join({ ...reads(), after: 'start' })
    expect(parse).toHaveBeenCalledTimes(30)
    join({ ...reads(), after: 'start' })
    expect(parse).toHaveBeenCalledTimes(30 + 30 - 10)
    await turn()
    join({ ...reads(), after: 'start' })
    expect(parse).toHaveBeenCalledTimes(50 + 30)
  })

  test('C8 of a larger text are parsed once for all filters that run one after the other', async () => {
    const parse = vi.fn(JSON.parse)
    const { channel, join } = openChannel({ parse })
    join(reads())
    join(reads())
    void channel.publish({ data: 'small' })
    void channel.publish({ data: ['x'.repeat(2_000_000)] })
    await flushed()
    expect(parse).toHaveBeenCalledTimes(1)
  })
})

describe('C6 data of any depth', () => {
  const DEPTHS = [1, 1_000, 5_000, 10_000, 40_000, 100_000]
  const arrays = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  const objects = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`

  /** How deep a value is. @throws where a part of it is not frozen */
  function depthOf(value: unknown): number {
    let depth = 0
    for (let part = value; typeof part === 'object' && part !== null; part = Object.values(part)[0] as unknown) {
      if (!Object.isFrozen(part)) throw new Error(`it is not frozen at a depth of ${depth}`)
      depth++
    }
    return depth
  }

  const nested = (depth: number, wrap: (inner: unknown) => unknown): unknown => {
    let value: unknown = 1
    for (let level = 0; level < depth; level++) value = wrap(value)
    return value
  }

  /** How deep a filter and a reader in the process see what is published, which `serialize` may refuse. */
  async function depthsSeen(data: unknown, serialize?: (data: unknown) => string): Promise<number[] | 'refused'> {
    const { channel, join, errors } = openChannel({ serialize })
    const seen: number[] = []
    const { stream } = join({ filter: ({ data: value }) => seen.push(depthOf(value)) > 0 })
    const messages = channel.messages()
    try {
      void channel.publish({ data })
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_SSE_INVALID_MESSAGE' })
      return 'refused'
    }
    seen.push(depthOf((await messages.next()).value?.data))
    await flushed()
    expect([errors, stream.closed]).toEqual([[], false])
    return seen
  }

  test.each(DEPTHS)('C6 C12 %i deep is frozen and read', async (depth) => {
    for (const text of [arrays(depth), objects(depth)]) expect(await depthsSeen({}, () => text)).toEqual([depth, depth])
  })

  test.each(DEPTHS)('C6 C12 %i deep is read if JSON.stringify takes it, and refused at the call if not', async (depth) => {
    for (const wrap of [(inner: unknown) => [inner], (inner: unknown) => ({ inner })]) {
      const seen = await depthsSeen(nested(depth, wrap))
      if (depth <= 1_000) expect(seen).toEqual([depth, depth])
      else expect([[depth, depth], 'refused']).toContainEqual(seen)
    }
  })

  test('C6 is frozen if another parser makes circles, and bytes are left as they are', async () => {
    interface Part {
      next?: Part
      others: unknown[]
    }
    const first: Part = { others: [Uint8Array.of(1), new ArrayBuffer(1), null, 'text'] }
    let last = first
    for (let index = 0; index < 50_000; index++) last = last.next = { others: [first, last] }
    last.next = first
    const { channel } = openChannel({ parse: () => first })
    const messages = channel.messages()
    void channel.publish({ data: {} })
    expect((await messages.next()).value?.data === first).toBe(true)
    for (const part of [first, first.others, last, last.others]) expect(Object.isFrozen(part)).toBe(true)
  })
})
