// Lengths in UTF-16 units.
const SHORT = 128
const PIECE = 4_096
const LONGEST_PREFIX = '\ndata: '.length
const LF = 10
const CR = 13
const LINE_END = /\r\n|\r|\n/g

const utf8 = new TextEncoder()
const ascii = new TextDecoder()
let scratch: { from: Uint8Array; to: DataView<ArrayBuffer> } | undefined

/**
 * Replaces each line end of a text (CRLF, LF or CR) with `prefix`. The text may come from a client, so the cost is
 * close to that of writing the result, even for a text of line ends alone.
 *
 * @param prefix LF and the beginning of the next line, at most as long as `\ndata: `
 */
export function prefixLines(text: string, prefix: string): string {
  if (text.indexOf('\n') === -1 && text.indexOf('\r') === -1) return text
  if (text.length < SHORT) return text.replace(LINE_END, prefix)
  let prefixed = ''
  let isDense = false
  for (let start = 0, end = 0; start < text.length; start = end) {
    end = start + PIECE
    if (text.charCodeAt(end - 1) === CR && text.charCodeAt(end) === LF) end++
    const piece = text.slice(start, end)
    const dense = isDense ? prefixDense(piece, prefix) : undefined
    if (dense === undefined) {
      const lines = linesOf(piece)
      // The next piece is probably similar.
      isDense = lines.length > piece.length / 4
      prefixed += lines.join(prefix)
    } else {
      prefixed += dense
    }
  }
  return prefixed
}

function linesOf(text: string): string[] {
  return (text.indexOf('\r') === -1 ? text : text.split('\r\n').join('\n').split('\r').join('\n')).split('\n')
}

/**
 * Replaces the line ends byte by byte. Where most lines are empty, this costs half of splitting and joining. Returns
 * undefined for text that is not ASCII.
 */
function prefixDense(piece: string, prefix: string): string | undefined {
  scratch ??= { from: new Uint8Array(3 * (PIECE + 1)), to: new DataView(new ArrayBuffer(LONGEST_PREFIX * (PIECE + 1) + 8)) }
  const { from, to } = scratch
  const { length } = piece
  if (utf8.encodeInto(piece, from).written > length) return undefined
  // Two overlapping writes of four bytes make a prefix of seven. A shorter prefix leaves bytes behind it, which the
  // next write replaces.
  const first = fourBytes(prefix, 0)
  const second = fourBytes(prefix, 3)
  const width = prefix.length
  let end = 0
  let before = 0
  for (let index = 0; index < length; index++) {
    const byte = from[index] as number
    if (byte !== LF && byte !== CR) {
      to.setUint8(end++, byte)
    } else if (byte === CR || before !== CR) {
      to.setUint32(end, first)
      to.setUint32(end + 3, second)
      end += width
    }
    before = byte
  }
  return ascii.decode(new Uint8Array(to.buffer, 0, end))
}

function fourBytes(text: string, from: number): number {
  let bytes = 0
  for (let index = from; index < from + 4; index++) bytes = bytes * 256 + (text.charCodeAt(index) || 0)
  return bytes
}
