import { expect, test } from 'vitest'
import { Batch } from '../src/lib/delivery/batch.ts'
import { BatchCache } from '../src/lib/delivery/batch-cache.ts'

const makeAt = (cursor: number) => (): Batch => new Batch(`data: ${cursor}\n\n`, 1, cursor + 1, cursor + 1)

test('C8 readers at one cursor share a batch, even if others have asked in between', () => {
  const batches = new BatchCache()
  const made = [3, 1, 2].map((cursor) => batches.find(cursor, makeAt(cursor)))
  for (const [index, cursor] of [3, 1, 2].entries()) expect(batches.find(cursor, makeAt(cursor))).toBe(made[index])
})

test('C8 no batch is kept after a clear, from any position', () => {
  const batches = new BatchCache()
  const made = [3, 1, 2].map((cursor) => batches.find(cursor, makeAt(cursor)))
  batches.clear()
  for (const [index, cursor] of [3, 1, 2].entries()) expect(batches.find(cursor, makeAt(cursor))).not.toBe(made[index])
})

test('C8 of readers at a thousand positions, only the latest batches are kept', () => {
  const batches = new BatchCache()
  for (let cursor = 0; cursor < 1_000; cursor++) batches.find(cursor, makeAt(cursor))
  const again: number[] = []
  for (const cursor of [999, 936, 935, 934]) {
    batches.find(cursor, () => {
      again.push(cursor)
      return makeAt(cursor)()
    })
  }
  expect(again).toEqual([934])
})

test('B4 of all views together, those that began last keep their batches, up to a bound', () => {
  const makeLong = (): Batch => new Batch('x'.repeat(1_000_000), 1, 1, 1)
  const views = Array.from({ length: 100 }, () => new BatchCache())
  const made = views.map((batches) => batches.find(0, makeLong))
  const keeping = views.filter((batches, index) => batches.find(0, () => new Batch('', 0, 0, 0)) === made[index])
  expect(keeping).toEqual(views.slice(-8))
  for (const batches of views) batches.clear()
  const others = Array.from({ length: 8 }, () => new BatchCache())
  const again = others.map((batches) => batches.find(0, makeLong))
  expect(others.map((batches) => batches.find(0, makeLong))).toEqual(again)
  for (const batches of others) batches.clear()
})
