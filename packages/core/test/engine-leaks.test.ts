import { getEventListeners } from 'node:events'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { countOf } from '../../testing/src/lib/count-of.ts'
import { Store } from './support/faulty-engine.ts'
import { leastGrowth } from './support/growth.ts'
import { turn } from './support/held-sink.ts'
import { closeMachines, type Machine, machine } from './support/machine.ts'

const LEAVERS = countOf(10_000)
// Bytes.
const MOST_LEFT = 100

afterEach(async () => {
  vi.useRealTimers()
  await closeMachines()
})

type Visit = (cycle: number) => void

/** The growth of memory by each visit, in bytes. */
async function left(visit: Visit, count = LEAVERS): Promise<number> {
  const round = async (): Promise<void> => {
    for (let cycle = 0; cycle < count; cycle++) visit(cycle)
    await turn()
  }
  return (await leastGrowth(round, MOST_LEFT * count)) / count
}

function unknownId(cycle: number): string {
  return `${'0'.repeat(31)}1-1000-${cycle + 1}`
}

/** Clients that come and leave. */
const VISITS: Record<string, (here: Machine) => Visit> = {
  'with an id of its own each':
    ({ join }) =>
    (cycle) =>
      join({}, unknownId(cycle)).stream.close(),
  'without an id':
    ({ join }) =>
    () =>
      join().stream.close(),
  'by closing their subscription':
    ({ join }) =>
    () => {
      const { stream, subscription } = join({ after: 'start' })
      subscription.close()
      stream.close()
    },
}

describe('L4 while the log is away', { timeout: 600_000 }, () => {
  test.each(Object.entries(VISITS))('L4 clients that come and leave, %s, leave nothing in memory', async (_, visits) => {
    const here = machine(new Store())
    here.engine.cut()
    expect(await left(visits(here))).toBeLessThan(MOST_LEFT)
    here.engine.connect()
    const { lines } = here.join()
    await expect.poll(lines).toEqual(['@0'])
  })

  test.each([
    ['an id', 'id'],
    ['the start', 'start'],
  ])('L4 clients that leave while the messages after %s are read leave nothing in memory', async (_, from) => {
    const store = new Store()
    const other = machine(store)
    const ids = await Promise.all(Array.from({ length: 50 }, (_, index) => other.channel.publish(`${index}`)))
    const here = machine(store, { tail: { messages: 1 } })
    await here.log.read(50, 1)
    // Following goes on, and reading does not.
    const read = vi.spyOn(here.engine, 'read').mockImplementation(() => new Promise(() => {}))
    const visit: Visit = (cycle) => (from === 'id' ? here.join({}, ids[cycle % 40]) : here.join({ after: 'start' })).stream.close()
    // One that stays, so that it is read all the while.
    here.join({ after: 'start' })
    await turn()
    expect(await left(visit)).toBeLessThan(MOST_LEFT)
    expect(read).toHaveBeenCalled()
  })

  test('L4 readers of messages() that leave, and routes that call ended(), leave nothing in memory', async () => {
    const here = machine(new Store())
    here.engine.cut()
    here.channel.end()
    const controller = new AbortController()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const asked: Promise<boolean>[] = []
    const perVisit = await left((cycle) => {
      asked.push(here.channel.ended(unknownId(cycle)))
      const messages = here.channel.messages(cycle % 2 === 0 ? { after: unknownId(cycle) } : { signal: controller.signal })
      void messages.next()
      void messages.return?.()
      // Many faked timers at once take long.
      if (cycle % 100 < 99) return
      vi.advanceTimersByTime(2_000)
      asked.length = 0
    })
    expect(perVisit).toBeLessThan(MOST_LEFT)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
  })
})
