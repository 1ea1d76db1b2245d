const DATA = 'data: '
const EVENT = 'event: '
const RETRY = 'retry: '
/** How the lines of a block begin, in their order. A block has at most one event line and one retry line. */
const LINES = [':', EVENT, RETRY, DATA]
const DIGITS = /^\d+$/

/** The data in a message's block. It is the published data, except that each line end is LF. */
export function dataOf(block: string): string {
  const start = dataIn(block)
  if (start === -1) return ''
  // A block ends with its data lines.
  const lines = block.slice(start + DATA.length, -1)
  return lines.indexOf('\n') === -1 ? lines : lines.split(`\n${DATA}`).join('\n')
}

/** The event name in a message's block; `'message'` where the block has none. */
export function eventOf(block: string): string {
  const start = dataIn(block)
  if (start === 0) return 'message'
  for (const line of block.slice(0, start === -1 ? undefined : start).split('\n')) if (line.startsWith(EVENT)) return line.slice(EVENT.length)
  return 'message'
}

/** The index of the first data line, or -1. Comment lines begin with a colon, so they cannot be mistaken for it. */
function dataIn(block: string): number {
  return block.startsWith(DATA) ? 0 : block.indexOf(`\n${DATA}`) + 1 || -1
}

/**
 * Whether a text is a block as `encodeBlock` writes it for a message with data: the fields in their order, no id, and
 * LF at the end of each line.
 */
export function isBlock(text: string): boolean {
  if (!text.endsWith('\n') || text.includes('\r')) return false
  let place = 0
  let begin: string | undefined
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start)
    while (place < LINES.length && !text.startsWith(LINES[place] as string, start)) place++
    begin = LINES[place]
    if (begin === undefined || (begin === RETRY && !DIGITS.test(text.slice(start + RETRY.length, end)))) return false
    if (begin === EVENT || begin === RETRY) place++
    start = end + 1
  }
  return begin === DATA
}
