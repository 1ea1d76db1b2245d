import { TidingsError } from '../errors.ts'
import { settledWithin } from '../timer.ts'

/** Gives a call to an engine up after so many milliseconds. What comes of it then concerns nobody. */
export function withDeadline<Result>(call: Promise<Result>, milliseconds: number): Promise<Result> {
  return settledWithin(call, milliseconds, () => {
    throw noAnswer(milliseconds)
  })
}

/** The error of a call that took longer. */
export function noAnswer(milliseconds: number): TidingsError {
  return new TidingsError('ERR_SSE_LOG_UNAVAILABLE', `The log's engine did not answer within ${Math.round(milliseconds)} ms`)
}
