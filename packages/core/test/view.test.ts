import { expect, test } from 'vitest'
import { View } from '../src/lib/delivery/view.ts'
import { memoryLog } from '../src/lib/log/memory-log.ts'
import { turn } from './support/held-sink.ts'

test('C8 a batch is let go of when the head moves, of either kind, by whichever is asked for next', async () => {
  if (!global.gc) throw new Error('run with --expose-gc')
  const log = memoryLog()
  const append = (data: string) => log.append({ block: `data: ${data}\n`, event: 'message', data, isText: true, topic: undefined, key: 'k' })
  const view = new View({ tail: log.tail, valueOf: ({ data }) => data }, undefined, undefined, '')
  await append('1')
  const old = [view.batchAfter(0), view.conflatedAfter(0)].map((batch) => new WeakRef(batch))
  await append('2')
  view.batchAfter(1)
  await turn()
  global.gc()
  expect(old.map((batch) => batch.deref())).toEqual([undefined, undefined])
})
