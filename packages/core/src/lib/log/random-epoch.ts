/** What tells one life of a log from all others: 128 random bits, never a clock or a counter, which repeat. */
export function randomEpoch(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
