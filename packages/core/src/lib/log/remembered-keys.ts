import { byteLength } from '../message/byte-length.ts'
import { ownText } from '../message/own-text.ts'
import { shareOf } from './history-bounds.ts'

// Keys serve the retries of a caller, which come soon.
const MOST_KEYS = 10_000
// The memory of a key beside its text.
const KEY_BYTES = 100

/**
 * The newest idempotency keys of a log, with the offsets of their messages.
 */
export class RememberedKeys {
  readonly #offsets = new Map<string, number>()
  readonly #mostBytes: number
  /** The number of bytes that the keys count in the bounds. */
  bytes = 0

  /** @param bytes the bound of the log; the keys have a share of it */
  constructor(bytes: number) {
    this.#mostBytes = shareOf(bytes)
  }

  /** The offset of the message with this key. */
  offsetOf(key: string): number | undefined {
    return this.#offsets.get(key)
  }

  /** Remembers a key, and forgets the oldest ones beyond the bounds. The newest key is always remembered. */
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

/** The number of bytes that a key counts in the bounds. */
export function bytesOfKey(key: string): number {
  return KEY_BYTES + byteLength(key)
}
