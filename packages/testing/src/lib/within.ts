import { clearTimeout, setTimeout } from 'node:timers'

/** How many milliseconds a sentence that names a time may take in a test; the figure itself is the benchmark's. */
export const SOON = 2_000

type Awaited = string | (() => string)

/** What the proof that runs waits for, so that one that ends too late can say what did not come. */
let waits = { areOver: false, for: new Set<Awaited>() }

/**
 * The value. Where it does not come, what is said of it stands in the error.
 *
 * @param ms only where a sentence names a time; otherwise it waits as long as its proof may run
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

/** Resolves once the condition holds. For what no event tells. */
export function eventually(holds: () => boolean, what: Awaited): Promise<void> {
  const mine = waits
  const poll = async (): Promise<void> => {
    while (!holds() && !mine.areOver) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return within(poll(), what)
}

/** Runs a proof for at most so many milliseconds, and tells what it waits for where they are not enough. */
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
