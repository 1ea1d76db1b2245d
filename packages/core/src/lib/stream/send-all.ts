import { describe } from '../describe.ts'
import { TidingsError } from '../errors.ts'
import { isBytes, type Message } from '../message/message.ts'
import { checkFunctions } from '../option-checks.ts'
import type { EventStream, Sendable } from './event-stream.ts'

type Pulled = IteratorResult<unknown, unknown>

/** One source, whatever its kind. */
interface Source {
  next(): Pulled | Promise<Pulled>
  /** Says that no more is wanted; reaches a source that is pending, too. */
  stop(): unknown
}

/** {@link EventStream.sendAll} over the stream's own `send`. */
export async function sendAll<Item>(stream: EventStream, sendable: Sendable<Item>, map?: (item: Item) => Message): Promise<boolean> {
  checkFunctions({ map })
  const source = sourceOf(sendable)
  const toMessage = map ?? asMessage
  let wake = (): void => {}
  const forget = stream.onClose(() => wake())
  let exhausted = false
  try {
    while (!stream.closed) {
      exhausted = true // Also when `next` throws: then there is nothing left to stop.
      const pulled = source.next()
      const item =
        'then' in pulled
          ? await unlessWoken(pulled, (callback) => {
              wake = callback
            })
          : pulled
      if (item?.done) return true
      exhausted = false
      if (!item || !(await stream.send(toMessage(item.value as Item)))) return false
    }
    return false
  } finally {
    forget()
    if (!exhausted) stop(source)
  }
}

/**
 * The item, or `undefined` as soon as the callback is called. (Racing one long-lived promise would keep every item
 * alive.)
 */
function unlessWoken(pulled: Promise<Pulled>, onWake: (callback: () => void) => void): Promise<Pulled | undefined> {
  return new Promise((resolve, reject) => {
    onWake(() => resolve(undefined))
    pulled.then(resolve, reject)
  })
}

/** A source that fails while it is being stopped has nobody left to tell: its items were not wanted any more. */
function stop(source: Source): void {
  try {
    Promise.resolve(source.stop()).catch(() => {})
  } catch {}
}

function sourceOf(sendable: unknown): Source {
  if (typeof sendable === 'object' && sendable !== null && !isBytes(sendable)) {
    if ('getReader' in sendable) {
      const reader = (sendable as ReadableStream<unknown>).getReader()
      return { next: () => reader.read() as Promise<Pulled>, stop: () => reader.cancel() }
    }
    if (Symbol.asyncIterator in sendable) {
      const iterator = (sendable as AsyncIterable<unknown>)[Symbol.asyncIterator]()
      // A Readable's own iterator queues its `return` behind a pending read; only `destroy` reaches it.
      const stop = 'destroy' in sendable ? () => (sendable as { destroy(): unknown }).destroy() : () => iterator.return?.()
      return { next: () => iterator.next(), stop }
    }
    if (Symbol.iterator in sendable) {
      const iterator = (sendable as Iterable<unknown>)[Symbol.iterator]()
      return { next: () => iterator.next(), stop: () => iterator.return?.() }
    }
  }
  throw invalidSource(`sendAll takes an iterable, an async iterable, a ReadableStream or a Readable, got ${describe(sendable)}; ${hintFor(sendable)}`)
}

function hintFor(sendable: unknown): string {
  if (typeof sendable === 'object' && sendable !== null && 'then' in sendable) return 'await it first'
  if (typeof sendable === 'function') return 'call it first'
  return 'send one message with send()'
}

function asMessage(item: unknown): Message {
  if (isBytes(item))
    throw invalidSource(
      "The source gives bytes, and a chunk may end within a character: decode it first (source.pipeThrough(new TextDecoderStream()), readable.setEncoding('utf8')), or pass a map",
    )
  return item as Message
}

function invalidSource(text: string): TidingsError {
  return new TidingsError('ERR_SSE_INVALID_SOURCE', text)
}
