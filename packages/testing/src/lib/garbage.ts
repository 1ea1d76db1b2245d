import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Collects all garbage now, whether or not the process was started with `--expose-gc`. */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setImmediate(resolve))
    gc()
  }
}

/** The bytes of the heap after a collection. */
export async function livingHeap(): Promise<number> {
  await collectGarbage()
  return process.memoryUsage().heapUsed
}
