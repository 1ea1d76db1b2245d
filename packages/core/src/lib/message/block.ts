const DATA = 'data: '
const EVENT = 'event: '
const RETRY = 'retry: '
/** What the lines of a block begin with, in their order. Event and retry stand there once at most. */
const LINES = [':', EVENT, RETRY, DATA]
const DIGITS = /^\d+$/

/** The data that a message's block says: as it was published, but for its line ends. */
export function dataOf(block: string): string {
  const start = dataIn(block)
  if (start === -1) return ''
  // The lines of data stand together, and nothing follows them in a block.
  const lines = block.slice(start + DATA.length, -1)
  return lines.indexOf('\n') === -1 ? lines : lines.split(`\n${DATA}`).join('\n')
}

/** The name of the event that a message's block says. */
export function eventOf(block: string): string {
  const start = dataIn(block)
  if (start === 0) return 'message'
  for (const line of block.slice(0, start === -1 ? undefined : start).split('\n')) if (line.startsWith(EVENT)) return line.slice(EVENT.length)
  return 'message'
}

/** Where the lines of data begin; no line of a comment begins like them. */
function dataIn(block: string): number {
  return block.startsWith(DATA) ? 0 : block.indexOf(`\n${DATA}`) + 1 || -1
}

/**
 * Whether a text is a block of a message with data, as `encodeBlock` writes it: no id, each field in its place, each
 * line ended by LF.
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
