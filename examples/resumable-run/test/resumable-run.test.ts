import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type EventStreamRecording, readEventStream } from '@tidings/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const PROMPT = 'What is a light for?'
// Of an answer of about a hundred.
const HALF = 50
const QUARTER = 25

describe('a resumable run', () => {
  let server: ChildProcess
  let exited: Promise<unknown[]>
  let url = ''
  /** Its output on stderr. */
  let complained = ''

  beforeEach(async () => {
    const cwd = fileURLToPath(new URL('..', import.meta.url))
    server = spawn(process.execPath, ['server.js'], { cwd, env: { ...process.env, PORT: '0', MOST_RUNS: '2' }, stdio: ['ignore', 'pipe', 'pipe'] })
    exited = once(server, 'close')
    complained = ''
    server.stderr?.on('data', (text) => {
      complained += text
    })
    for await (const said of server.stdout ?? []) {
      url = /http:\S+/.exec(String(said))?.[0] ?? ''
      break
    }
  })

  afterEach(async () => {
    server.kill()
    expect(await exited).toEqual([0, null])
    expect(complained).toBe('')
  })

  async function ask(prompt = PROMPT): Promise<string> {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${url}/runs`, { method: 'POST', headers, body: JSON.stringify({ prompt }) })
    expect(response.status).toBe(201)
    return `${url}/runs/${((await response.json()) as { run: string }).run}`
  }

  const from = (run: string, lastEventId = ''): Promise<Response> => fetch(`${run}?lastEventId=${lastEventId}`)
  const read = (run: string, lastEventId?: string, until?: number): Promise<EventStreamRecording> =>
    readEventStream(from(run, lastEventId), { timeout: 20_000, ...(until === undefined ? {} : { until }) })
  const tokens = ({ events }: EventStreamRecording): string[] => events.map(({ data }) => JSON.parse(data).token)

  it('goes on while its reader is away, and sends the rest when the reader reconnects', async () => {
    const run = await ask()
    const stays = read(run)
    const half = await read(run, '', HALF)
    const last = half.events.at(-1)?.id ?? ''
    const quarter = await read(run, last, QUARTER)
    const rest = await read(run, quarter.events.at(-1)?.id)
    const whole = tokens(await stays)
    expect(whole.length).toBeGreaterThan(HALF + QUARTER)
    expect(whole.join('')).toContain(`You asked: “${PROMPT}”`)
    expect([...tokens(half), ...tokens(quarter), ...tokens(rest)]).toEqual(whole)
    expect(rest.ended).toBe(true)

    // After its end, a new reader gets the whole run.
    expect(tokens(await read(run, last))).toEqual(whole.slice(HALF))
    expect(tokens(await read(run))).toEqual(whole)
    expect((await from(run, rest.events.at(-1)?.id)).status).toBe(204)
  })

  it('sends a reset to a reader with an unknown id, and begins anew', async () => {
    const run = await ask()
    const { events } = await read(run, 'of-another-run', 2)
    expect(events[0]).toMatchObject({ event: 'reset', data: '{"reason":"unknown","lastEventId":"of-another-run"}' })
    expect(events[1]?.data).toBe('{"token":"You"}')
  })

  it('answers 404 for a run that is unknown or forgotten', async () => {
    expect((await from(`${url}/runs/unknown`)).status).toBe(404)
    const [first = '', ...others] = [await ask(), await ask(), await ask()]
    expect((await from(first)).status).toBe(404)
    for (const run of others) await read(run, '', 1)
  })

  it('refuses a request without a prompt', async () => {
    expect((await fetch(`${url}/runs`, { method: 'POST', body: 'prompt' })).status).toBe(400)
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('ends cleanly at %s, in the middle of an answer', async (signal) => {
    const run = await ask()
    const response = await from(run)
    await read(run, '', 1)
    server.kill(signal)
    const { ended, retry } = await readEventStream(response)
    expect(ended).toBe(true)
    expect(retry).toBeGreaterThanOrEqual(1_000)
    expect(await exited).toEqual([0, null])
  })
})
