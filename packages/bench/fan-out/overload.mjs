import { figure, table, target, targetTable } from '../lib/report.mjs'
import { median } from '../lib/stats.mjs'
import { withServer } from './processes.mjs'
import { chosen, interleaved, ratio } from './rounds.mjs'

const SUBSCRIBERS = 1000
export const HISTORY = 1000
const WARM_UP = 10_000
const VARIANTS = ['express', 'express without pacing', 'better-sse']
const LOADS = [
  { name: '200 messages/s', perSecond: 200, channels: 1, variants: VARIANTS, against: 'better-sse' },
  { name: '200 messages/s on each of 50 channels', perSecond: 200, channels: 50, variants: VARIANTS, against: 'better-sse' },
  { name: '20 messages/s', perSecond: 20, channels: 1, variants: VARIANTS.slice(0, 2), against: 'express without pacing' },
]

/** Publishes to 1,000 subscribers at a fixed rate, even if the server falls behind. */
export async function overload({ node, binaries, rounds = 2, ms = 5000, only }) {
  const sections = []
  const targets = []
  for (const { name, perSecond, channels, variants: all, against } of LOADS) {
    const variants = chosen(all, only)
    const measured = await interleaved(variants, rounds, (variant) =>
      withServer({ node, binaries, variant, channels, history: HISTORY, loadFlags: ['latency'] }, (server, load) =>
        measureOverload(server, load, { perSecond, channels, ms }),
      ),
    )
    const rows = variants.map((variant) => {
      const { p50, p99, longest, share } = measured.get(variant)
      return [variant, ...figure(p50), ...figure(p99), ...figure(longest).slice(0, 1), ...figure(share, 0).slice(0, 1)]
    })
    sections.push(`**1,000 subscribers, ${name}**`)
    sections.push(table(['Server', 'p50 ms', 'middle half', 'p99 ms', 'middle half', 'longest ms', '% of a core'], rows))
    const express = measured.get('express')
    const times = ratio(measured, 'p99', 'express', against)
    if (times === undefined) continue
    if (against === 'better-sse') targets.push(target(`overload, ${name}: p99`, median(express.p99), { atMost: 40, unit: 'ms' }))
    const atMost = against === 'better-sse' ? 1 / 50 : 1
    targets.push(target(`overload, ${name}: p99, express over ${against}`, times, { atMost, unit: 'times' }))
  }
  sections.push('Of each run all messages have arrived at all subscribers.', targetTable(targets))
  return sections.join('\n\n')
}

export async function measureOverload(server, load, { perSecond, channels, ms }) {
  await load.ask(`open ${SUBSCRIBERS} ${channels} /?channel=#`)
  // The warm-up compiles the code and fills the history. Until the history is full, each message makes the heap grow.
  const warm = await server.ask({ ask: 'overload', perSecond, ms: WARM_UP })
  await load.ask(`await ${warm.messages / channels}`)
  await load.ask('reset')
  const { messages, cpu, wall } = await server.ask({ ask: 'overload', perSecond, ms })
  await load.ask(`await ${(warm.messages + messages) / channels}`)
  const { p50, p99, longest, least, most, lost } = await load.ask('stats')
  const expected = (warm.messages + messages) / channels
  if (lost > 0 || least !== expected || most !== expected)
    throw new Error(`${least} to ${most} of ${expected} messages have arrived, ${lost} connections were lost`)
  return { p50, p99, longest, share: (cpu / (wall / 1000)) * 100 }
}
