/**
 * Makes the name of one life of a log: 32 hexadecimal digits, from 128 random bits. A clock or a counter could repeat
 * a name.
 */
export function randomEpoch(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
