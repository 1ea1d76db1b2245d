// Run by `node --test`, once it is bundled: the sentences need no vitest.
import { test } from 'node:test'
import { memoryLog } from '@tidings/core'
import { adapterSuites, logSuite } from '../../src/contract.ts'
import { nodeAdapter } from './node-adapter.ts'

const suites = [
  ...adapterSuites(nodeAdapter, { parts: ['W'] }),
  ...adapterSuites(nodeAdapter, { protocols: ['HTTP/1.1'], parts: ['H'] }),
  logSuite({ name: 'memoryLog', create: (bounds) => memoryLog(bounds) }),
]
for (const suite of suites) for (const { name, run } of suite.tests) test(`${suite.name}: ${name}`, run)
