/** Names a value in an error's text without repeating what a user may have put into it at length. */
export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined) return String(value)
  if (typeof value !== 'object') return `a ${typeof value}`
  // From the prototype: a `constructor` of the value's own is whatever a client's JSON says.
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name
  return typeof name !== 'string' || name === '' || name === 'Object' ? 'an object' : `an instance of ${name}`
}
