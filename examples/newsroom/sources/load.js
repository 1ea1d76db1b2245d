import { loadavg } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'

const EVERY = 1_000
const RESOLUTION = 10

/**
 * Measures the load of this process once a second. Each reader has its own measurement, which ends with the reader.
 *
 * @param {{ readonly readers: number }} newsroom
 * @returns {AsyncGenerator<{ cpu: number, memory: number, delay: number, machine: number, readers: number }, void>}
 * `cpu`: per cent of one core; `memory`: resident bytes; `delay`: the longest delay of the event loop in milliseconds;
 * `machine`: the load average of the last minute (0 on Windows); `readers`: open streams
 */
export async function* measureLoad(newsroom) {
  const late = monitorEventLoopDelay({ resolution: RESOLUTION })
  late.enable()
  let spent = process.cpuUsage()
  let since = performance.now()
  try {
    for (;;) {
      await setTimeout(EVERY, undefined, { ref: false })
      const { user, system } = process.cpuUsage(spent)
      const elapsed = performance.now() - since
      spent = process.cpuUsage()
      since = performance.now()
      yield {
        cpu: (user + system) / 10 / elapsed,
        memory: process.memoryUsage.rss(),
        // The histogram holds the time between two ticks, which includes the resolution.
        delay: Math.max(0, late.max / 1e6 - RESOLUTION),
        machine: loadavg()[0] ?? 0,
        readers: newsroom.readers,
      }
      late.reset()
    }
  } finally {
    late.disable()
  }
}
