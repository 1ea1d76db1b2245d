import { setTimeout as delay } from 'node:timers/promises'
import { figure, table, target, targetTable } from '../lib/report.mjs'
import { withServer } from './processes.mjs'
import { chosen, interleaved, ratio } from './rounds.mjs'

const VARIANTS = ['express', 'hono', 'better-sse']
const READERS = 20
const MESSAGES = 20_000
const SIZE = 1024
const MB = 2 ** 20

/** Measures the memory that connections cost if they never read. */
export async function slow({ node, binaries, rounds = 3, only }) {
  const variants = chosen(VARIANTS, only)
  const measured = await interleaved(variants, rounds, (variant) =>
    withServer({ node, binaries, variant, history: 1000, flags: ['--expose-gc'], loadFlags: ['mute'] }, async (server, load) => {
      // Publishing alone makes the heap grow, so it comes first and does not count.
      await server.ask({ ask: 'fill', messages: MESSAGES, size: SIZE })
      await load.ask(`open ${READERS} 1 /`)
      await delay(300)
      const { rss } = await server.ask({ ask: 'memory' })
      await server.ask({ ask: 'fill', messages: MESSAGES, size: SIZE })
      const { peak } = await server.ask({ ask: 'peak' })
      const { rss: after } = await server.ask({ ask: 'memory' })
      return { peak: (peak - rss) / MB, kept: (after - rss) / MB }
    }),
  )
  const rows = variants.map((variant) => {
    const { peak, kept } = measured.get(variant)
    return [variant, ...figure(peak), ...figure(kept)]
  })
  const times = ratio(measured, 'peak', 'express', 'better-sse')
  const sections = [table(['RSS growth, MB', 'at its peak', 'middle half', 'after a collection', 'middle half'], rows)]
  if (times !== undefined)
    sections.push(targetTable([target('20 readers that never read: peak RSS growth, express over better-sse', times, { atMost: 0.1, unit: 'times' })]))
  return sections.join('\n\n')
}
