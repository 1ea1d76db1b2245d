const DATA = 'data: '
const EVENT = 'event: '

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
