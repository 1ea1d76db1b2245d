/**
 * Compares the results of a suite with the known limits of the runtime. `known` are failures that a limit explains,
 * `unexpected` are all others, and `lifted` are the limits whose tests pass now. A limit marked `sometimes` depends on
 * timing, so its test may fail or pass.
 */
export function judge(tests, limits) {
  const failed = tests.filter(({ status }) => status === 'failed')
  const ran = tests.filter(({ status }) => status === 'failed' || status === 'passed')
  // A suite that ended halfway must not pass, so the tests that did not run are counted.
  const unrun = tests.length - ran.length
  const covers = (limit, { name }) => name.includes(limit.test)
  return {
    passed: tests.filter(({ status }) => status === 'passed').length,
    ran: ran.length,
    unrun,
    known: failed.filter((test) => limits.some((limit) => covers(limit, test))),
    unexpected: failed.filter((test) => !limits.some((limit) => covers(limit, test))),
    lifted: limits.filter((limit) => !limit.sometimes && !failed.some((test) => covers(limit, test))),
  }
}
