import { describe, test } from 'vitest'
import type { ContractSuite } from './contract/sentence.ts'

// Milliseconds. A proof that hangs ends by itself before vitest ends it, since it can say what it waits for.
const AFTER_ITS_OWN = 10_000

/** Registers a suite with vitest. */
export function describeSuite({ name, tests }: ContractSuite): void {
  describe(name, () => {
    for (const { name, run, timeout } of tests) test(name, run, timeout + AFTER_ITS_OWN)
  })
}
