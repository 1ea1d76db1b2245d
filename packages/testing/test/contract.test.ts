import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { EventStream } from '@tidings/core'
import { build } from 'rolldown'
import { describe, expect, test } from 'vitest'
import { adapterSuites, type ContractTest } from '../src/contract.ts'
import type { AdapterUnderTest } from '../src/index.ts'
import { within, withinItsTime } from '../src/lib/within.ts'
import { nodeAdapter } from './support/node-adapter.ts'

test('the same sentences run under node:test', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tidings-node-test-'))
  try {
    const file = join(directory, 'contract.mjs')
    await build({
      input: fileURLToPath(new URL('support/under-node-test.ts', import.meta.url)),
      platform: 'node',
      resolve: { conditionNames: ['tidings-source', 'node', 'import', 'require', 'default'] },
      logLevel: 'silent',
      output: { file, format: 'esm', codeSplitting: false },
    })
    const { stdout, stderr } = await outputOf(['--test', '--test-reporter=tap', file])
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^# fail 0$/m)
    const passed = [...stdout.matchAll(/^ *ok \d+ - (.+)$/gm)].map(([, name]) => name)
    expect(passed).toContain('openEventStream over HTTP/1.1, W: the wire: W4/refused')
    expect(passed).toContain('openEventStream over HTTP/2, W: the wire: W9/whole-frames')
    expect(passed).toContain('openEventStream over HTTP/1.1, H: HTTP: H5/refuses-head')
    expect(passed).toContain('memoryLog as a message log: G1/end C10')
  } finally {
    rmSync(directory, { recursive: true })
  }
})

/** The output of a child Node, even if it fails. The worker of vitest goes on while it runs. */
function outputOf(args: string[]): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { encoding: 'utf8', env: withoutVitest() }, (_error, stdout, stderr) => resolve({ stdout, stderr }))
  })
}

function withoutVitest(): NodeJS.ProcessEnv {
  // A test runner inside another one would report to it.
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...env } = process.env
  return env
}

describe('a case', () => {
  const id = 'W3/leading-spaces'
  const caseFor = (adapter: Partial<AdapterUnderTest>): ContractTest => {
    const suites = adapterSuites({ ...nodeAdapter, ...adapter }, { protocols: ['HTTP/1.1'], parts: ['W'] })
    const found = suites[0]?.tests.find(({ name }) => name.startsWith(id))
    if (!found) throw new Error(`there is no ${id}`)
    return found
  }

  // Loses the leading spaces of what is sent.
  const trimming: Partial<AdapterUnderTest> = {
    listener: (app) => {
      const trimmed = (message: unknown): never => JSON.parse(JSON.stringify(message).replace(/" +/g, '"')) as never
      const around = (stream: EventStream): EventStream => ({ send: (message: unknown) => stream.send(trimmed(message)), close: () => stream.close() }) as never
      return nodeAdapter.listener({ ...app, routes: app.routes.map((route) => ({ ...route, run: (stream, ...rest) => route.run(around(stream), ...rest) })) })
    },
  }

  test('fails with its sentence and its source', async () => {
    await caseFor({}).run()
    await expect(caseFor(trimming).run()).rejects.toThrow(/^W3\/leading-spaces: The leading space of a value MUST survive\. .+ \(WHATWG HTML 9\.2\.5\)\n/)
  })

  test('that a later version of Node mends is expected to fail before that version alone', () => {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
    const why = 'https://platform.example/issues/1'
    const nameWith = (beforeNode: number | `${number}.${number}`) => caseFor({ cannot: { [`HTTP/1.1 ${id}`]: { why, beforeNode } } }).name
    for (const later of [major + 1, `${major}.${minor + 1}`, `${major + 1}.0`] as const) expect(nameWith(later)).toBe(`${id} [cannot: ${why}]`)
    for (const past of [major, `${major}.${minor}`, `${major - 1}.${minor + 1}`] as const) expect(nameWith(past)).toBe(id)
  })

  test('that the platform cannot keep is expected to fail, and a pass is a failure', async () => {
    const cannot = { [`HTTP/1.1 ${id}`]: 'https://platform.example/issues/1' }
    expect(caseFor({ cannot }).name).toBe(`${id} [cannot: https://platform.example/issues/1]`)
    await caseFor({ ...trimming, cannot }).run()
    await expect(caseFor({ cannot }).run()).rejects.toThrow(`${id} holds now: remove it from \`cannot\` (https://platform.example/issues/1)`)
  })

  test('that hangs says what it waits for', async () => {
    const never = new Promise<never>(() => {})
    const proof = withinItsTime(() => within(never, 'the head of the response'), 20)
    await expect(proof).rejects.toThrow('the proof did not end within 20 ms. It waits for: the head of the response')
  })
})
