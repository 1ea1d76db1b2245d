import { adapterPackages } from '../packages.mjs'

// What a runtime cannot do, by the test that shows it. `limit` is the row of docs/runtimes.md that says why, with the
// platform's own word.
const CONTRACTS = adapterPackages().map(({ folder }) => folder)

const LIMITS = [
  { runtime: 'bun', suites: CONTRACTS, test: 'B3/sent-and-closed', limit: 'bun-progress' },
  { runtime: 'bun', suites: CONTRACTS, test: 'HTTP/1.1, B: slow peers B3/takes-a-little', limit: 'bun-progress' },
  { runtime: 'bun', suites: CONTRACTS, test: 'L4/counts-and-heap', limit: 'bun-heap' },
  { runtime: 'bun', suites: CONTRACTS, test: 'B4/one-slow-peer', limit: 'bun-heap' },
  { runtime: 'bun', suites: ['server bun'], test: 'L2 nothing of this is reported as an error', limit: 'bun-notice' },
  { runtime: 'deno', suites: CONTRACTS, test: 'B3/takes-a-little', limit: 'deno-progress' },
  // Its garbage is not collected on call, so the figure is of what happened to be left.
  { runtime: 'deno', suites: CONTRACTS, test: 'B4/one-slow-peer', limit: 'deno-memory', sometimes: true },
  { runtime: 'deno', suites: ['server deno'], test: 'L2 nothing of this is reported as an error', limit: 'deno-notice' },
  { runtime: 'workerd', suites: ['server workerd', 'server workerd-object'], test: 'L2 a peer that leaves is seen at once', limit: 'workers-leaving' },
  { runtime: 'workerd', suites: ['server workerd', 'server workerd-object'], test: 'H6 Last-Event-ID', limit: 'workers-utf8' },
  { runtime: 'workerd', suites: ['server workerd', 'server workerd-object'], test: 'L2 nothing of this is reported as an error', limit: 'workers-notice' },
]

/** What is known not to work there. */
export function limitsOf(runtime, suite) {
  return LIMITS.filter((each) => each.runtime === runtime && each.suites.includes(suite))
}
