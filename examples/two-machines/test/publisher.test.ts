import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'

const { publishScores } = (await import(new URL('../publisher.js', import.meta.url).href)) as {
  publishScores(origin: string, pace: number, signal: AbortSignal): Promise<void>
}

it('publishes a score again, with the same key, until a machine says that it has it', async () => {
  const asked: { key: unknown; number: number }[] = []
  const done = new AbortController()
  // Killed once it had published, away, and there again.
  const answers = [(res: ServerResponse) => res.destroy(), (res: ServerResponse) => res.writeHead(502).end(), (res: ServerResponse) => res.writeHead(201).end()]
  const server = createServer(async (req: IncomingMessage, res: ServerResponse) => {
    asked.push({ key: req.headers['idempotency-key'], number: JSON.parse(await text(req)).number })
    const answer = answers.shift()
    if (answer) answer(res)
    else done.abort()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const publishing = publishScores(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 0, done.signal)
  await expect(publishing).rejects.toThrow('aborted')
  server.closeAllConnections()
  server.close()

  const [{ key } = { key: '' }] = asked
  const next = asked[3]?.key
  expect(asked).toEqual([...Array(3).fill({ key, number: 1 }), { key: next, number: 2 }])
  expect(next).not.toBe(key)
})
