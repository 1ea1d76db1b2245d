/**
 * What `metrics()` counts, described for OpenTelemetry and Prometheus. An entry of its own, since few apps read it.
 *
 * @module @tidings/core/instruments
 */
export { type Instrument, instruments, type Measurement } from './lib/instruments.ts'
