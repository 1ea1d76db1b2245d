import { metrics } from '@tidings/core'
import { instruments } from '@tidings/core/instruments'
import { Counter, Gauge, Registry } from 'prom-client'

export const registry = new Registry()

// Prometheus has underscores where OpenTelemetry has dots.
const underscored = (name) => name.replaceAll('.', '_')

for (const { name, kind, description: help, read } of instruments) {
  const measurements = () =>
    read(metrics()).map(({ value, attributes }) => {
      const labels = Object.entries(attributes).map(([key, each]) => [underscored(key), each])
      return { value, labels: Object.fromEntries(labels) }
    })
  const labelNames = [...new Set(measurements().flatMap(({ labels }) => Object.keys(labels)))]
  const collect = () => {
    instrument.reset()
    for (const { value, labels } of measurements()) instrument.inc(labels, value)
  }
  const instrument =
    kind === 'counter'
      ? new Counter({ name: `${underscored(name)}_total`, help, labelNames, collect, registers: [registry] })
      : new Gauge({ name: underscored(name), help, labelNames, collect, registers: [registry] })
}
