import { describe, test } from 'vitest'
import type { ContractSuite } from './contract/sentence.ts'

// Milliseconds. A proof that hangs ends by itself, and says more than vitest can.
const AFTER_ITS_OWN = 10_000

/** Makes a suite known to vitest. */
export function describeSuite({ name, tests }: ContractSuite): void {
  describe(name, () => {
    for (const { name, run, timeout } of tests) test(name, run, timeout + AFTER_ITS_OWN)
  })
}
