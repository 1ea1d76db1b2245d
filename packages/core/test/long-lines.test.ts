import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { countOf } from '../../testing/src/lib/count-of.ts'
import { dataOf, eventOf } from '../src/lib/message/block.ts'
import { byteLength } from '../src/lib/message/byte-length.ts'
import { prefixLines } from '../src/lib/message/lines.ts'
import { encodeBlock, encodeComment, encodeFrame, encodeMessage, type Message } from '../src/lib/message/message.ts'
import { joinLong } from '../src/lib/transport/join-long.ts'
import { codePoint } from './support/code-point.ts'

test('W1 W3 W12 a long line goes out as the same bytes as by text', () => {
  const piece = fc.string({ unit: codePoint, minLength: 1, maxLength: 20 })
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
    { numRuns: countOf(200) },
  )
})

test('a line that is not long, and long data of several lines, stay text', () => {
  expect(typeof encodeFrame('x'.repeat(4_095), undefined, joinLong)).toBe('string')
  expect(typeof encodeFrame('x\n'.repeat(4_095), undefined, joinLong)).toBe('string')
  expect(encodeFrame('x'.repeat(4_096), undefined, joinLong)).toBeInstanceOf(Uint8Array)
})

describe('text of many lines', () => {
  const LENGTH = 1_048_576
  const dense = { LF: '\n', CR: '\r', CRLF: '\r\n', 'all three': '\r\n\n\r', 'LF behind each letter': 'x\n', 'LF behind each letter that is not ASCII': '→\n' }

  /** How often the methods were called that old and new encoders could take a line with. */
  function callsDuring(run: () => void): number {
    const spies = [
      ...(['slice', 'indexOf', 'split', 'replace', 'replaceAll', 'substring'] as const).map((name) => vi.spyOn(String.prototype, name)),
      vi.spyOn(Array.prototype, 'join'),
      vi.spyOn(TextDecoder.prototype, 'decode'),
    ]
    run()
    const calls = spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0)
    const longest = Math.max(0, ...(spies[3]?.mock.contexts ?? []).map((text) => String(text).length))
    for (const spy of spies) spy.mockRestore()
    // One call of a regular expression looks at each line by itself.
    expect(longest).toBeLessThan(200)
    return calls
  }

  test.each(Object.entries(dense))('W2 W6 are encoded by the piece, and not line by line: %s', (_, lineEnd) => {
    const text = lineEnd.repeat(LENGTH / lineEnd.length)
    expect(callsDuring(() => encodeMessage(text))).toBeLessThan(LENGTH / 256)
    expect(callsDuring(() => encodeMessage({ data: new TextEncoder().encode(text) }))).toBeLessThan(LENGTH / 256)
    expect(callsDuring(() => encodeComment(text))).toBeLessThan(LENGTH / 256)
    const block = encodeBlock({ event: 'e', data: text }, {})
    expect(callsDuring(() => dataOf(block) + eventOf(block))).toBeLessThan(20)
  })

  // Longer than two pieces, dense and sparse, with each kind of line end at the border of a piece.
  const unit = fc.oneof(fc.constantFrom('\n', '\r', '\r\n', 'x', 'é', '→', '\ud83c', '\udfc0', '\0'), fc.string({ unit: codePoint, maxLength: 30 }))
  const long = fc
    .array(fc.tuple(fc.array(unit, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 6_000 })), { minLength: 1, maxLength: 6 })
    .map((parts) => parts.map(([units, length]) => units.join('').repeat(length).slice(0, length)).join(''))

  test('W2 W6 are encoded as the definition of a line says', () => {
    fc.assert(
      fc.property(long, fc.constantFrom('\ndata: ', '\n: '), (text, prefix) => {
        expect(prefixLines(text, prefix) === text.replace(/\r\n|\r|\n/g, prefix)).toBe(true)
      }),
      { numRuns: countOf(500) },
    )
  })

  test('C1 are read back from the block as they were, but for their line ends', () => {
    fc.assert(
      fc.property(long, fc.constantFrom('', 'message', 'é'), fc.constantFrom(undefined, '', 'event: no\ndata: no'), (data, event, comment) => {
        const block = encodeBlock({ data, event, comment, retry: 1 }, {})
        expect(dataOf(block) === data.replace(/\r\n?/g, '\n')).toBe(true)
        expect(eventOf(block)).toBe(event || 'message')
      }),
      { numRuns: countOf(200) },
    )
    expect([dataOf('id: 1\n'), eventOf('id: 1\n'), eventOf(': c\nevent: e\n')]).toEqual(['', 'message', 'e'])
  })

  test('C8 count the bytes that they take', () => {
    fc.assert(
      fc.property(long, (text) => {
        const sound = Buffer.from(text).toString()
        expect(byteLength(sound)).toBe(Buffer.byteLength(sound))
        expect(byteLength('🎉'.repeat(10_000) + sound)).toBe(40_000 + Buffer.byteLength(sound))
      }),
      { numRuns: countOf(200) },
    )
  })
})
