/**
 * What the tests of a suite mean, given what is known of the runtime: unexpected failures, tests that did not run,
 * limits that were met, and limits that are no more. A limit marked `sometimes` depends on timing and may be met or
 * not.
 */
export function judge(tests, limits) {
  const failed = tests.filter(({ status }) => status === 'failed')
  const ran = tests.filter(({ status }) => status === 'failed' || status === 'passed')
  // A suite that died halfway must not pass for what it had proven until then.
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
