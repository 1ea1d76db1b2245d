import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeFrame, encodeMessage, type Message } from '../src/lib/message/message.ts'
import { joinLong } from '../src/lib/transport/node-sink.ts'

test('W1 W3 W12 a long line goes out as the same bytes as by text', () => {
  const piece = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 })
  const message = fc.record({
    data: piece.map((text) => text.repeat(5_000).slice(0, 5_000)),
    event: fc.constantFrom('', 'é'),
    id: fc.constantFrom('', '7', 'ü'),
  })
  fc.assert(
    fc.property(
      fc.oneof(
        message,
        piece.map((text) => text.repeat(4_096)),
      ),
      (sent: Message) => {
        const frame = encodeFrame(sent, undefined, joinLong)
        expect(Buffer.from(frame as string).equals(Buffer.from(encodeMessage(sent)))).toBe(true)
      },
    ),
    { numRuns: 200 },
  )
})

test('a line that is not long, and long data of several lines, stay text', () => {
  expect(typeof encodeFrame('x'.repeat(4_095), undefined, joinLong)).toBe('string')
  expect(typeof encodeFrame('x\n'.repeat(4_095), undefined, joinLong)).toBe('string')
  expect(encodeFrame('x'.repeat(4_096), undefined, joinLong)).toBeInstanceOf(Uint8Array)
})
