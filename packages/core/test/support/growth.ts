import { turn } from './held-sink.ts'

// On a busy machine, code is compiled rounds later.
const MOST_ROUNDS = 10

/** The bytes of living objects after a garbage collection. */
export async function livingHeap(): Promise<number> {
  if (!global.gc) throw new Error('run with --expose-gc')
  for (let collected = 0; collected < 3; collected++) {
    await turn()
    global.gc()
  }
  return process.memoryUsage().heapUsed
}

/**
 * How many bytes a round leaves behind: the first that is below the limit, or the least of ten. Code that is
 * compiled meanwhile counts too; what is kept, each round keeps.
 */
export async function leastGrowth(round: () => unknown, limit: number): Promise<number> {
  await round()
  let before = await livingHeap()
  let least = Number.POSITIVE_INFINITY
  for (let rounds = 0; rounds < MOST_ROUNDS && least >= limit; rounds++) {
    await round()
    const after = await livingHeap()
    least = Math.min(least, after - before)
    before = after
  }
  return least
}
