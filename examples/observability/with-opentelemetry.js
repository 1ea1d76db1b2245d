import { metrics as api } from '@opentelemetry/api'
import { metrics } from '@tidings/core'
import { instruments } from '@tidings/core/instruments'

/** Makes the app's meter provider collect the numbers of `metrics()`. Call it after the provider is set. */
export function observeTidings(meter = api.getMeter('@tidings/core')) {
  const observed = instruments.map(({ name, kind, unit, description, read }) => {
    const about = { unit, description }
    if (kind === 'counter') return { read, by: meter.createObservableCounter(name, about) }
    if (kind === 'upDownCounter') return { read, by: meter.createObservableUpDownCounter(name, about) }
    return { read, by: meter.createObservableGauge(name, about) }
  })
  meter.addBatchObservableCallback(
    (result) => {
      const present = metrics()
      for (const { read, by } of observed) for (const { value, attributes } of read(present)) result.observe(by, value, attributes)
    },
    observed.map(({ by }) => by),
  )
}
