/**
 * Joins a frame around one long line into one buffer. This is as fast as `Buffer.from(line)` alone: the line is copied
 * once and no text is joined. ASCII text, as JSON often is, needs no transcoding.
 */
export function joinLong(before: string, line: string, after: string): Buffer {
  const length = Buffer.byteLength(line)
  const start = Buffer.byteLength(before)
  const frame = Buffer.allocUnsafeSlow(start + length + Buffer.byteLength(after))
  frame.write(before, 0)
  frame.write(line, start, length === line.length ? 'latin1' : 'utf8')
  frame.write(after, start + length)
  return frame
}
