import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toLogMessage } from '../src/lib/channel/publish.ts'
import { packMessage, unpackMessage } from '../src/lib/engine-log/packed-message.ts'
import { codePoint } from './support/code-point.ts'

const packed = (message: Parameters<typeof toLogMessage>[0], options = {}): string => packMessage(toLogMessage(message, options, {}, new Set()))

describe('a message as an engine keeps it', () => {
  test('G1 W10 is the published message with all its fields after packing and unpacking', () => {
    const text = fc.string({ unit: codePoint })
    const line = text.map((value) => value.replace(/[\r\n]/g, ' '))
    const message = fc.record(
      {
        data: fc.oneof(
          text,
          fc.json().map((json) => JSON.parse(json)),
        ),
        event: line,
        retry: fc.nat(),
        comment: text,
      },
      { requiredKeys: ['data'] },
    )
    const options = fc.record({ topic: text, key: text }, { requiredKeys: [] })
    fc.assert(
      fc.property(message, options, (each, where) => {
        const encoded = toLogMessage(each as never, where, {}, new Set())
        expect(unpackMessage(packMessage(encoded))).toEqual(encoded)
      }),
    )
  })

  test.each<[string, string]>([
    ['no JSON', 'data: x'],
    ['no list', '{"block":"data: x\\n"}'],
    ['nothing', '[]'],
    ['no line end', JSON.stringify(['data: x', 1, null, null])],
    ['a number as its topic', JSON.stringify(['data: x\n', 1, 7, null])],
    ['an id', JSON.stringify(['data: x\nid: 7\n', 1, null, null])],
    ['an id before its data', JSON.stringify(['id: 7\ndata: x\n', 1, null, null])],
    ['a second message', JSON.stringify(['data: x\n\ndata: y\n', 1, null, null])],
    ['a second event', JSON.stringify(['event: a\nevent: b\ndata: x\n', 1, null, null])],
    ['an event behind its data', JSON.stringify(['data: x\nevent: a\n', 1, null, null])],
    ['CR', JSON.stringify(['data: x\rid: 7\n', 1, null, null])],
    ['a field that is none', JSON.stringify(['data: x\nfoo: 7\n', 1, null, null])],
    ['no space', JSON.stringify(['data:x\n', 1, null, null])],
    ['no data', JSON.stringify(['event: a\n', 1, null, null])],
    ['a retry that is no time', JSON.stringify(['retry: 1x\ndata: x\n', 1, null, null])],
    ['a retry alone', JSON.stringify(['retry: 1\n', 1, null, null])],
    ['a comment alone', JSON.stringify([': x\n', 1, null, null])],
    ['another event than its block says', JSON.stringify(['event: a\ndata: x\n', 1, null, null, 'x', 'b'])],
    ['an event that its block does not say', JSON.stringify(['data: x\n', 1, null, null, 'x', 'b\nid: 7'])],
    ['other data than its block says', JSON.stringify(['data: x\n', 1, null, null, 'y', 'message'])],
    ['data that is no text', JSON.stringify(['data: x\n', 1, null, null, 7, 'message'])],
  ])('G7 %s makes it invalid', (_, text) => {
    expect(unpackMessage(text)).toBeUndefined()
  })

  test('G7 comments, an event and a retry stand before the data', () => {
    const message = { comment: 'a\nb', event: 'goal', retry: 5, data: 'x\r\ny' }
    expect(unpackMessage(packed(message, { topic: 't' }))).toEqual({
      block: ': a\n: b\nevent: goal\nretry: 5\ndata: x\ndata: y\n',
      event: 'goal',
      data: 'x\r\ny',
      isText: true,
      topic: 't',
      key: undefined,
    })
  })
})
