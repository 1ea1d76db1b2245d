import { describe } from '../describe.ts'
import { TidingsError } from '../errors.ts'
import { isBytes, type Message } from '../message/message.ts'
import { checkFunctions } from '../option-checks.ts'
import type { EventStream, Sendable } from './event-stream.ts'

type Pulled = IteratorResult<unknown, unknown>

/** A source of any kind. */
interface Source {
  next(): Pulled | Promise<Pulled>
  /** Ends the source, also while its `next` is pending. */
  stop(): unknown
}

/** Implements {@link EventStream.sendAll} by the stream's `send`. */
export async function sendAll<Item>(stream: EventStream, sendable: Sendable<Item>, map?: (item: Item) => Message): Promise<boolean> {
  checkFunctions({ map })
  const source = sourceOf(sendable)
  const toMessage = map ?? asMessage
  let wake = (): void => {}
  const forget = stream.onClose(() => wake())
  let exhausted = false
  try {
    while (!stream.closed) {
      exhausted = true // A source whose `next` throws has ended, too.
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
 * Waits for an item. Resolves to `undefined` as soon as the callback that `onWake` gets is called. (`Promise.race`
 * with a promise for the whole stream would keep every item in memory.)
 */
function unlessWoken(pulled: Promise<Pulled>, onWake: (callback: () => void) => void): Promise<Pulled | undefined> {
  return new Promise((resolve, reject) => {
    onWake(() => resolve(undefined))
    pulled.then(resolve, reject)
  })
}

/** Stops a source. An error of that is dropped, since nobody wants more of its items. */
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
      // The iterator of a Readable queues `return` behind a pending read. Only `destroy` ends the read.
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
      "The source gives bytes, and a chunk may end inside a character: decode it first (source.pipeThrough(new TextDecoderStream()), readable.setEncoding('utf8')), or pass a map",
    )
  return item as Message
}

function invalidSource(text: string): TidingsError {
  return new TidingsError('ERR_SSE_INVALID_SOURCE', text)
}
