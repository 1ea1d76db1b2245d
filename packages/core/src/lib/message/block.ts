const DATA = 'data: '
const EVENT = 'event: '

/** The data that a message's block says: as it was published, but for its line ends. */
export function dataOf(block: string): string {
  // One line, mostly.
  if (block.startsWith(DATA) && block.indexOf('\n') === block.length - 1) return block.slice(DATA.length, -1)
  return valuesOf(block, DATA).join('\n')
}

/** The name of the event that a message's block says. */
export function eventOf(block: string): string {
  return (block.startsWith(DATA) ? undefined : valuesOf(block, EVENT)[0]) ?? 'message'
}

function valuesOf(block: string, field: string): string[] {
  const values: string[] = []
  for (const line of block.split('\n')) if (line.startsWith(field)) values.push(line.slice(field.length))
  return values
}
