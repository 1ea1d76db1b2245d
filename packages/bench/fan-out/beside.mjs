import { figure, table } from '../lib/report.mjs'
import { withServer } from './processes.mjs'
import { interleaved } from './rounds.mjs'

const VARIANT = 'express, and by hand'
const CONNECTIONS = 5000
const MESSAGES = 10

/**
 * Measures the cost that the channel adds to the writes. Ten messages go by the channel, ten by a loop over the
 * sockets, and so on. Both use one process and the same connections, so that neither the load of the machine nor the
 * layout of memory can favour one of them.
 */
export async function beside({ node, binaries, rounds = 5, ms = 3000 }) {
  const measured = await interleaved([VARIANT], rounds, (variant) =>
    withServer({ node, binaries, variant, loadFlags: ['acks'] }, async (server, load) => {
      await load.ask(`open ${CONNECTIONS} 1 /`)
      const { messages, used } = await server.ask({ ask: 'alternating', messages: MESSAGES, warmUp: ms / 2, ms })
      const perMillion = (seconds) => (seconds / (messages * CONNECTIONS)) * 1e6
      return { channel: perMillion(used.channel), byHand: perMillion(used['by hand']), times: used.channel / used['by hand'] }
    }),
  )
  const { channel, byHand, times } = measured.get(VARIANT)
  return table(
    ['CPU s per million events', 'channel', 'middle half', 'by hand', 'middle half', 'times', 'middle half'],
    [[`${CONNECTIONS} connections`, ...figure(channel), ...figure(byHand), ...figure(times)]],
  )
}
