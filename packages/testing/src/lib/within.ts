import { clearTimeout, setTimeout } from 'node:timers'

/** Milliseconds that a test allows where a sentence names a shorter time. The benchmarks measure the time itself. */
export const SOON = 2_000

type Awaited = string | (() => string)

/** The things that the running proof waits for, so that its timeout can say what did not come. */
let waits = { areOver: false, for: new Set<Awaited>() }

/**
 * Awaits a promise. An error of a timeout contains `what`.
 *
 * @param ms a limit, only where a sentence names a time. Otherwise the wait ends with the proof
 */
export async function within<Value>(promise: Promise<Value>, what: Awaited, ms?: number): Promise<Value> {
  const mine = waits
  mine.for.add(what)
  try {
    return await (ms === undefined ? promise : beforeDeadline(promise, () => `${textOf(what)} did not come within ${ms} ms`, ms))
  } finally {
    mine.for.delete(what)
  }
}

/** Resolves once the condition holds. For conditions without an event. */
export function eventually(holds: () => boolean, what: Awaited): Promise<void> {
  const mine = waits
  const poll = async (): Promise<void> => {
    while (!holds() && !mine.areOver) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return within(poll(), what)
}

/** Runs a proof for at most `ms` milliseconds. The error of a timeout says what the proof was waiting for. */
export async function withinItsTime(proof: () => unknown, ms: number): Promise<void> {
  const mine = { areOver: false, for: new Set<Awaited>() }
  waits = mine
  const pending = (): string => [...mine.for].map(textOf).join('; ') || 'nothing that it names'
  try {
    await beforeDeadline(Promise.resolve().then(proof), () => `the proof did not end within ${ms} ms. It waits for: ${pending()}`, ms)
  } finally {
    mine.areOver = true
  }
}

function textOf(what: Awaited): string {
  return typeof what === 'string' ? what : what()
}

async function beforeDeadline<Value>(promise: Promise<Value>, message: () => string, ms: number): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message())), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
