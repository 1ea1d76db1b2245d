import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { createChannel, type EventStream, memoryLog } from '../src/index.ts'
import { openEventStream } from '../src/node.ts'
import { eventStreamResponse } from '../src/web.ts'

/** Every name that a user of an object can reach, inherited ones too. */
function namesOf(object: object): string[] {
  const names = new Set<string>()
  for (let each: object | null = object; each !== null && each !== Object.prototype; each = Object.getPrototypeOf(each)) {
    for (const name of Reflect.ownKeys(each)) if (name !== 'constructor') names.add(String(name))
  }
  return [...names].sort()
}

const STREAM = ['bufferedAmount', 'close', 'closed', 'comment', 'lastEventId', 'onClose', 'send', 'sendAll', 'signal'].sort()
// By this name a channel of another copy of the package finds the stream.
const FEED = 'Symbol(tidings.feed)'

async function nodeStream(): Promise<EventStream> {
  const { promise, resolve } = withResolvers<EventStream>()
  const server = createServer((req, res) => resolve(openEventStream(req, res)))
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const stream = await promise
  stream.close()
  await response.text()
  server.close()
  return stream
}

async function webStream(): Promise<EventStream> {
  const { promise, resolve } = withResolvers<EventStream>()
  const response = eventStreamResponse(new Request('http://localhost/'), (stream) => {
    resolve(stream)
    stream.close()
  })
  await response.text()
  return promise
}

function withResolvers<Value>(): { promise: Promise<Value>; resolve: (value: Value) => void } {
  let resolve!: (value: Value) => void
  const promise = new Promise<Value>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

test.each([
  ['node', nodeStream],
  ['web', webStream],
])('a stream over %s shows its public names and no others', async (_, open) => {
  expect(namesOf(await open())).toEqual([FEED, ...STREAM].sort())
})

test('a channel shows its public names and no others', () => {
  const channel = createChannel()
  expect(namesOf(channel)).toEqual(['close', 'end', 'ended', 'messages', 'publish', 'status', 'subscribe', 'subscribers'])
  channel.close()
})

test('a memory log shows the names of MessageLog, and a tail to read', () => {
  const log = memoryLog()
  expect(namesOf(log)).toEqual(['append', 'close', 'end', 'follow', 'idOf', 'locate', 'read', 'tail', 'tell'])
  expect(namesOf(log.tail)).toEqual(['agedFloor', 'at', 'floor', 'hasGap', 'head', 'present', 'trimAged', 'walk'])
})

test('a subscription shows its public names and no others', async () => {
  const channel = createChannel()
  const subscription = channel.subscribe(await webStream())
  expect(namesOf(subscription)).toEqual(['add', 'close', 'lastEventId', 'remove'])
  channel.close()
})
