import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'

const MATCHES = ['Harbour – Lighthouse', 'Ferry – Pilots', 'Anchor – Buoy']
const PAUSE = 50

/**
 * Publishes numbered scores, one after the other. Repeats each until one of the machines has it.
 * @param {string} origin
 * @param {number} pace in milliseconds
 * @param {AbortSignal} signal
 */
export async function publishScores(origin, pace, signal) {
  const name = randomUUID()
  for (let number = 1; !signal.aborted; number++) {
    const score = { number, match: MATCHES[number % MATCHES.length], minute: Math.ceil(number / MATCHES.length) }
    await publish(`${origin}/scores`, score, `${name}-${number}`, signal)
    await setTimeout(pace, undefined, { signal })
  }
}

async function publish(url, score, key, signal) {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key }
  for (;;) {
    try {
      const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(score), signal })
      await response.arrayBuffer()
      if (response.ok) return
    } catch {
      signal.throwIfAborted()
    }
    // The machine is gone. It may have published the score, so the request is repeated with the same key.
    await setTimeout(PAUSE, undefined, { signal })
  }
}
