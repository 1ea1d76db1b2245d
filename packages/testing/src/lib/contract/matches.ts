import { deepEqual } from 'node:assert/strict'

/**
 * Asserts that each property of what is expected is there and equal. Others may be there too; lists have one length.
 */
export function matches(actual: unknown, expected: object): void {
  deepEqual(partOf(actual, expected), expected)
}

function partOf(actual: unknown, expected: unknown): unknown {
  if (typeof actual !== 'object' || actual === null || typeof expected !== 'object' || expected === null) return actual
  if (Array.isArray(actual)) return actual.map((each, index) => partOf(each, (expected as readonly unknown[])[index]))
  const names = Object.keys(expected).filter((name) => name in actual)
  return Object.fromEntries(names.map((name) => [name, partOf((actual as Record<string, unknown>)[name], (expected as Record<string, unknown>)[name])]))
}
