import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { countOf } from '../../testing/src/lib/count-of.ts'
import { boundsOf } from '../src/lib/log/history-bounds.ts'
import type { KeptTail } from '../src/lib/log/kept-tail.ts'
import { memoryLog } from '../src/lib/log/memory-log.ts'
import { ReadableTail } from '../src/lib/log/readable-tail.ts'
import { encodeMessage } from '../src/lib/message/message.ts'

interface Published {
  data: string
  event: string
  topic: string | undefined
  key: string | undefined
  idempotencyKey: string | undefined
}

const name = (most: number) =>
  fc.option(
    fc.nat(most).map((number) => `${'ä'.repeat(number % 40)}${number}`),
    { nil: undefined },
  )
const published: fc.Arbitrary<Published> = fc.record({
  data: fc
    .tuple(fc.constantFrom('x', '€', '\r\n', '💥'), fc.oneof({ weight: 9, arbitrary: fc.nat(30) }, fc.nat(2_000)))
    .map(([text, times]) => text.repeat(times)),
  event: fc.constantFrom('message', 'goal'),
  topic: name(50),
  key: name(5),
  idempotencyKey: name(30),
})
const bounds = fc.record({ messages: fc.constantFrom(1, 20, 1_000), bytes: fc.integer({ min: 1, max: 20_000 }) })
const utf8 = (text: string | undefined): number => Buffer.byteLength(text ?? '')

describe('C8 in any course of publishing', () => {
  test('C8 the kept messages count at most `bytes`, are announced before they are dropped, and hide no gap', () => {
    fc.assert(
      fc.property(bounds, fc.array(published, { minLength: 1, maxLength: 200 }), (first, steps) => {
        const log = memoryLog(first)
        const tail = ReadableTail.behind(log.tail) as KeptTail
        const lastOf = new Map<string, number[]>()
        let announced = 0
        log.follow({
          entry: ({ topic, offset }) => {
            if (topic !== undefined) lastOf.set(topic, [...(lastOf.get(topic) ?? []), offset])
          },
          trimming: (upTo) => {
            announced = upTo
          },
        })
        for (const { idempotencyKey, ...message } of steps) {
          const isText = true
          const block = encodeMessage({ event: message.event, data: message.data }).slice(0, -1)
          void log.append({ ...message, block, isText }, { idempotencyKey })
          expect(tail.floor).toBeLessThanOrEqual(announced)
          const { bytes } = boundsOf(first)
          let counted = tail.besides
          const topics = new Set<string>()
          for (let offset = tail.floor + 1; offset <= tail.head; offset++) {
            const entry = tail.at(offset)
            const repeats = entry?.data.includes('\r') ? utf8(entry.data) : 0
            counted += 150 + utf8(entry?.block) + utf8(entry?.topic) + utf8(entry?.key) + repeats
            if (entry?.topic !== undefined) topics.add(entry.topic)
          }
          for (const topic of topics) counted += 150 + utf8(topic)
          // What else counts are the topics that ran empty.
          const emptied = tail.bytes - counted
          expect(emptied).toBeGreaterThanOrEqual(0)
          if (tail.bytes > bytes) expect([tail.size, emptied <= bytes / 8]).toEqual([1, true])
          for (const [topic, offsets] of lastOf) {
            const lost = offsets.findLast((offset) => offset <= tail.floor)
            if (lost !== undefined) expect(tail.hasGap(lost - 1, new Set([topic]))).toBe(true)
            expect(tail.hasGap(tail.floor, new Set([topic]))).toBe(false)
          }
        }
      }),
      { numRuns: countOf(100) },
    )
  })
})
