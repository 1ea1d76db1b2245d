/** Data of `size` bytes in one line: `~` and 16 digits for the load to read, then filling. */
export function dataOf(number, size = 100) {
  return `~${String(number).padStart(16, '0')} `.padEnd(size, 'x')
}

/** The same with a time of `performance.now()`, as microseconds of the clock that all processes share. */
export function dataAt(time) {
  return dataOf(Math.round(ORIGIN_US + time * 1000))
}

const ORIGIN_US = Number(process.hrtime.bigint() / 1000n) - performance.now() * 1000

/** A frame for the servers without Tidings. It has the format and the length of a frame of Tidings. */
export function frameOf(data, number) {
  return `data: ${data}\nid: 0123456789abcdef0123456789abcdef-${number}\n\n`
}

/** Frames as one chunk of HTTP/1.1. */
export function chunkOf(frames) {
  return Buffer.from(`${Buffer.byteLength(frames).toString(16)}\r\n${frames}\r\n`)
}
