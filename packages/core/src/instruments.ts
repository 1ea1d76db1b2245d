/**
 * Describes the numbers of `metrics()` for OpenTelemetry and Prometheus.
 *
 * @module @tidings/core/instruments
 */
export { type Instrument, instruments, type Measurement } from './lib/instruments.ts'
