/** Names a value in the text of an error. Long values are cut, since they may come from a user. */
export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined) return String(value)
  if (typeof value !== 'object') return `a ${typeof value}`
  // Read from the prototype: a client's JSON may contain a `constructor`.
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name
  if (name === 'Array') return 'an array'
  return typeof name !== 'string' || name === '' || name === 'Object' ? 'an object' : `an instance of ${name}`
}
