import { byteLength } from '../message/byte-length.ts'
import { ownText } from '../message/own-text.ts'
import { shareOf } from './history-bounds.ts'

// Keys are for a caller's own retries, which come soon.
const MOST_KEYS = 10_000
// What a key takes beside its text.
const KEY_BYTES = 100

/**
 * The idempotency keys that a log remembers, with the offsets of their messages: the last ones, as far as they have
 * room.
 */
export class RememberedKeys {
  readonly #offsets = new Map<string, number>()
  readonly #mostBytes: number
  /** How many bytes they count. */
  bytes = 0

  /** @param bytes how many the log may keep in all */
  constructor(bytes: number) {
    this.#mostBytes = shareOf(bytes)
  }

  /** The offset of the message that had this key. */
  offsetOf(key: string): number | undefined {
    return this.#offsets.get(key)
  }

  /** The last key is remembered whatever its size. */
  remember(key: string, offset: number): void {
    this.#offsets.set(ownText(key), offset)
    this.bytes += bytesOfKey(key)
    for (const oldest of this.#offsets.keys()) {
      if (this.#offsets.size <= MOST_KEYS && (this.bytes <= this.#mostBytes || this.#offsets.size === 1)) return
      this.#offsets.delete(oldest)
      this.bytes -= bytesOfKey(oldest)
    }
  }
}

/** How many bytes a key counts. */
export function bytesOfKey(key: string): number {
  return KEY_BYTES + byteLength(key)
}
