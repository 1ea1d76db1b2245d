import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningServer, startServer } from './running-server.ts'

const COMMAND = createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/dist/index.js')
/**
 * Those that depend on the transport, with the number of checks of each. The others ask what tools, resources and
 * prompts a server has.
 */
const SCENARIOS = {
  'server-initialize': 1,
  ping: 1,
  'logging-set-level': 1,
  'tools-list': 1,
  'tools-call-simple-text': 1,
  'tools-call-error': 1,
  'tools-call-with-logging': 1,
  'tools-call-with-progress': 1,
  'tools-call-sampling': 1,
  'tools-call-elicitation': 1,
  'server-sse-polling': 3,
  'server-sse-multiple-streams': 2,
  'dns-rebinding-protection': 2,
}

describe("the protocol's conformance test", () => {
  let server: RunningServer

  beforeAll(async () => {
    server = await startServer({}, 'test/conformance-server.js')
  })

  afterAll(async () => {
    expect(await server.end()).toEqual([0, null])
  })

  it.each(Object.entries(SCENARIOS))('passes %s', async (scenario, checks) => {
    const { stdout } = await promisify(execFile)(process.execPath, [COMMAND, 'server', '--url', server.url, '--scenario', scenario], { cwd: tmpdir() })
    expect(stdout).toContain(`Passed: ${checks}/${checks}, 0 failed, 0 warnings`)
  })
})
