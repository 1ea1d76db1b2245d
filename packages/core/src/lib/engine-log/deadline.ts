import { TidingsError } from '../errors.ts'
import { settledWithin } from '../timer.ts'

/** Rejects when a call to an engine takes longer than this many milliseconds. A later result is dropped. */
export function withDeadline<Result>(call: Promise<Result>, milliseconds: number): Promise<Result> {
  return settledWithin(call, milliseconds, () => {
    throw noAnswer(milliseconds)
  })
}

/** The error for a call to an engine that took too long. */
export function noAnswer(milliseconds: number): TidingsError {
  return new TidingsError('ERR_SSE_LOG_UNAVAILABLE', `The log's engine did not answer within ${Math.round(milliseconds)} ms`)
}
