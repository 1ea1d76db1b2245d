import { adapterPackages } from '../packages.mjs'

// The known limits of each runtime. `test` is a part of the name of the test that fails there. `limit` is the row of
// docs/runtimes.md that says why.
const CONTRACTS = adapterPackages().map(({ folder }) => folder)

const LIMITS = [
  { runtime: 'bun', suites: CONTRACTS, test: 'B3/sent-and-closed', limit: 'bun-progress' },
  { runtime: 'bun', suites: CONTRACTS, test: 'HTTP/1.1, B: slow peers B3/takes-a-little', limit: 'bun-progress' },
  { runtime: 'bun', suites: CONTRACTS, test: 'L4/counts-and-heap', limit: 'bun-heap' },
  { runtime: 'bun', suites: CONTRACTS, test: 'B4/one-slow-peer', limit: 'bun-heap' },
  { runtime: 'bun', suites: ['server bun'], test: 'L2 reports no error for any of these', limit: 'bun-notice' },
  { runtime: 'deno', suites: CONTRACTS, test: 'B3/takes-a-little', limit: 'deno-progress' },
  // Deno does not collect garbage on call, so garbage may count as memory in use.
  { runtime: 'deno', suites: CONTRACTS, test: 'B4/one-slow-peer', limit: 'deno-memory', sometimes: true },
  { runtime: 'deno', suites: ['server deno'], test: 'L2 reports no error for any of these', limit: 'deno-notice' },
  { runtime: 'workerd', suites: ['server workerd', 'server workerd-object'], test: 'L2 notices at once that a peer left', limit: 'workers-leaving' },
  { runtime: 'workerd', suites: ['server workerd', 'server workerd-object'], test: 'H6 reads Last-Event-ID', limit: 'workers-utf8' },
  { runtime: 'workerd', suites: ['server workerd', 'server workerd-object'], test: 'L2 reports no error for any of these', limit: 'workers-notice' },
]

/** The known limits of a suite on a runtime. */
export function limitsOf(runtime, suite) {
  return LIMITS.filter((each) => each.runtime === runtime && each.suites.includes(suite))
}
