// Units of UTF-16. From there on the encoder counts faster than a loop, though it writes the bytes as well.
const LONG = 2_048
const PIECE = 16_384

const utf8 = new TextEncoder()
let scratch: Uint8Array | undefined

/**
 * How many bytes a text takes in UTF-8. (A lone surrogate, which no sound text has, may count two bytes of its
 * three.)
 */
export function byteLength(text: string): number {
  if (text.length < LONG) return countedLength(text)
  scratch ??= new Uint8Array(3 * (PIECE + 1))
  let bytes = 0
  for (let start = 0, end = 0; start < text.length; start = end) {
    end = start + PIECE
    // Not between the two halves of a surrogate pair.
    if ((text.charCodeAt(end) & 0xfc00) === 0xdc00) end++
    bytes += utf8.encodeInto(text.slice(start, end), scratch).written
  }
  return bytes
}

function countedLength(text: string): number {
  let bytes = text.length
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff)) bytes += 2
    else if (unit > 0x7f) bytes++
  }
  return bytes
}
