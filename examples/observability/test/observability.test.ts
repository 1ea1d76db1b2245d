import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../../packages/redis/test/support/redis-server.ts'
import { BINARIES, describeWith } from '../../../scripts/requirements.ts'

const FOLDER = fileURLToPath(new URL('..', import.meta.url))
// It comes with Prometheus.
const PROMTOOL = join(dirname(BINARIES.prometheus), 'promtool')
const READERS = 3

let server: ChildProcess
let url = ''
let complained = ''
const readers = new AbortController()

beforeAll(async () => {
  server = spawn(process.execPath, ['server.js'], { cwd: FOLDER, env: { ...process.env, PORT: '0' }, stdio: ['ignore', 'pipe', 'pipe'] })
  server.stderr?.on('data', (text) => {
    complained += text
  })
  for await (const said of server.stdout ?? []) {
    url = /http:\/\/localhost:\d+/.exec(String(said))?.[0] ?? ''
    break
  }
  for (let reader = 0; reader < READERS; reader++) await read()
  await read({ 'last-event-id': 'of another process' })
  // Came, and left.
  const leaving = new AbortController()
  await read({}, leaving.signal)
  leaving.abort()
})

afterAll(async () => {
  readers.abort()
  const ended = once(server, 'close')
  server.kill()
  expect(await ended).toEqual([0, null])
  expect(complained).toBe('')
})

/** Reads scores until it is aborted; resolves once the first bytes are there. */
async function read(headers: Record<string, string> = {}, signal: AbortSignal = readers.signal): Promise<void> {
  const { body } = await fetch(`${url}/scores`, { headers, signal })
  await body?.getReader().read()
}

/** The lines of a page of metrics, without the lines that only one exporter adds. */
async function numbersAt(path: string): Promise<Record<string, number>> {
  const lines = (await (await fetch(`${url}${path}`)).text()).split('\n').filter((line) => /^(tidings|messaging)_/.test(line))
  const pairs = lines.map((line) => {
    const [, name = '', labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    const own = labels.split(',').filter((label) => label !== '' && !label.startsWith('otel_'))
    return [own.length > 0 ? `${name}{${own.join(',')}}` : name, Number(value)] as const
  })
  return Object.fromEntries(pairs)
}

describe('the numbers of streams and channels', () => {
  it('are on a page of prom-client', async () => {
    await expect.poll(async () => (await numbersAt('/metrics'))['tidings_streams_closed_total{tidings_close_reason="peer"}']).toBe(1)
    const numbers = await numbersAt('/metrics')
    expect(numbers).toMatchObject({
      tidings_streams_open: READERS + 1,
      tidings_streams_opened_total: READERS + 2,
      'tidings_streams_closed_total{tidings_close_reason="peer"}': 1,
      tidings_channels_subscribers: READERS + 1,
      tidings_channels_resumed_total: 1,
      'tidings_channels_gaps_total{tidings_gap_reason="unknown"}': 1,
      tidings_channels_lag: expect.any(Number),
      'messaging_client_sent_messages_total{messaging_system="tidings",messaging_operation_name="publish"}': expect.any(Number),
    })
    await expect.poll(async () => (await numbersAt('/metrics'))['tidings_streams_messages_total']).toBeGreaterThan(READERS)
  })

  it('are the same by OpenTelemetry', async () => {
    const [ours, theirs] = [await numbersAt('/metrics'), await numbersAt('/opentelemetry')]
    expect(Object.keys(theirs).sort()).toEqual(Object.keys(ours).sort())
    for (const name of ['tidings_streams_open', 'tidings_streams_opened_total', 'tidings_channels_resumed_total']) expect(theirs[name]).toBe(ours[name])
    expect(theirs['tidings_streams_sent_bytes_total']).toBeGreaterThanOrEqual(ours['tidings_streams_sent_bytes_total'] as number)
  })
})

describeWith('prometheus')('Prometheus', () => {
  let prometheus: ChildProcess
  let origin = ''
  let folder = ''

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tidings-prometheus-'))
    const config = readFileSync(join(FOLDER, 'prometheus.yml'), 'utf8')
      .replace('localhost:3000', new URL(url).host)
      .replace('scrape_interval: 15s', 'scrape_interval: 1s')
      .replace('alerts.yml', join(FOLDER, 'alerts.yml'))
    writeFileSync(join(folder, 'prometheus.yml'), config)
    const port = await freePort()
    origin = `http://127.0.0.1:${port}`
    const flags = [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/data`, `--web.listen-address=127.0.0.1:${port}`]
    prometheus = spawn(BINARIES.prometheus, flags, { stdio: 'ignore' })
  })

  afterAll(async () => {
    const ended = once(prometheus, 'close')
    prometheus.kill()
    await ended
    rmSync(folder, { recursive: true })
  })

  async function ask(query: string): Promise<{ metric: Record<string, string>; value: [number, string] }[]> {
    const response = await fetch(`${origin}/api/v1/query?query=${encodeURIComponent(query)}`)
    const { status, data, error } = (await response.json()) as { status: string; error?: string; data: { result: [] } }
    expect([status, error]).toEqual(['success', undefined])
    return data.result
  }

  it('collects the page without an error', async () => {
    const page = await (await fetch(`${url}/metrics`)).text()
    execFileSync(PROMTOOL, ['check', 'metrics'], { input: page })
    const found = async (): Promise<unknown> => (await ask('tidings_streams_open'))[0]?.value[1]
    await expect.poll(() => found().catch(() => undefined)).toBe(String(READERS + 1))
  })

  it('has an answer to each query of the dashboard', async () => {
    const { panels } = JSON.parse(readFileSync(join(FOLDER, 'grafana-dashboard.json'), 'utf8')) as { panels: { title: string; targets: { expr: string }[] }[] }
    const questions = panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ title, expr })))
    expect(questions.length).toBeGreaterThan(panels.length)
    for (const { title, expr } of questions) {
      // Grafana fills in these variables.
      const query = expr.replaceAll('$job', '.*').replaceAll('$__rate_interval', '10s')
      await expect.poll(async () => (await ask(query)).length, { message: `${title}: ${query}` }).toBeGreaterThan(0)
    }
    // Five a second, once Prometheus has enough samples for a rate.
    const rate = async (): Promise<number> => Number((await ask('rate(messaging_client_sent_messages_total{error_type=""}[5s])'))[0]?.value[1])
    await expect.poll(rate).toBeGreaterThan(3)
    expect(await rate()).toBeLessThan(7)
  })

  it('has rules that alert exactly when they should', () => {
    execFileSync(PROMTOOL, ['check', 'config', 'prometheus.yml'], { cwd: FOLDER })
    execFileSync(PROMTOOL, ['test', 'rules', 'alerts.test.yml'], { cwd: FOLDER })
  })
})
