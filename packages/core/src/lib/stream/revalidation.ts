import { currentContext, runIn } from '../async-context.ts'
import { describe } from '../describe.ts'
import { TidingsError } from '../errors.ts'
import { checkCallback, checkedDelay, invalidOption, LONGEST_DELAY, wrongOption } from '../option-checks.ts'
import { now } from '../time-source.ts'
import { settledWithin, startTimer } from '../timer.ts'

/** How a stream finds out whether it may stay open. */
export interface Revalidate {
  /** Milliseconds between two checks. Up to 20 % more at random, so that streams do not check together. */
  every: number
  /**
   * Resolves to `true` where the stream may stay open, and to `false` where it must end. It runs in the async context
   * in which the stream was opened. `signal` is aborted when the stream ends, or when the answer comes too late.
   */
  check: (signal: AbortSignal) => boolean | PromiseLike<boolean>
  /**
   * Ends the stream where checks have failed, and the last `true` was so many milliseconds ago. `0` ends it at the
   * first failure.
   * @default Infinity
   */
  failClosed?: number
}

/** The parts of a stream that its checks use. */
interface Revocable {
  onClose(callback: () => void): unknown
  /** Ends the stream as `'revoked'`. `spread` tells its client to return later than usual. */
  revoke(spread: boolean): void
  checkFailed(error: unknown): void
}

// Milliseconds.
const LONGEST_ANSWER = 10_000
const FIRST_BACK_OFF = 1_000

/** Checks the option and fills in the default. @throws `ERR_SSE_INVALID_OPTION` */
export function resolveRevalidate(value: unknown): Required<Revalidate> | undefined {
  if (value === undefined) return undefined
  const { every, check, failClosed = Number.POSITIVE_INFINITY, ...others } = (value ?? {}) as Revalidate
  if (typeof value !== 'object' || Object.keys(others).length > 0) throw wrongOption('revalidate', '{ every, check, failClosed }', value)
  checkCallback('revalidate.check', check)
  if (!(typeof failClosed === 'number' && failClosed >= 0)) throw wrongOption('revalidate.failClosed', 'a number of milliseconds of at least 0', failClosed)
  return { every: checkedDelay('revalidate.every', every), check, failClosed }
}

/** Asks again and again whether a stream may stay open, until it ends. One check runs at a time. */
export function revalidate(stream: Revocable, { every, check, failClosed }: Required<Revalidate>): void {
  const context = currentContext()
  let timer: ReturnType<typeof setTimeout> | undefined
  let asking: AbortController | undefined
  let isOver = false
  let lastTrue = now()
  let failures = 0

  const left = (): number => (failures > 0 ? failClosed - (now() - lastTrue) : Number.POSITIVE_INFINITY)
  const askIn = (delay: number): void => {
    if (left() <= 0) stream.revoke(true)
    else timer = startTimer(() => void ask(), Math.min(delay * (1 + 0.2 * Math.random()), left(), LONGEST_DELAY))
  }
  const ask = async (): Promise<void> => {
    // A timer of another source cannot be cleared.
    if (isOver) return
    if (left() <= 0) return stream.revoke(true)
    const answer = await answerInTime().catch((error) => {
      if (!isOver) stream.checkFailed(error)
    })
    asking = undefined
    if (isOver) return
    if (answer === false) return stream.revoke(false)
    if (answer) {
      lastTrue = now()
      failures = 0
      return askIn(every)
    }
    failures++
    askIn(Math.min(every, FIRST_BACK_OFF * 2 ** (failures - 1)))
  }
  const answerInTime = (): Promise<boolean> => {
    const controller = new AbortController()
    asking = controller
    const limit = Math.min(every, LONGEST_ANSWER, left())
    const late = (): never => {
      controller.abort()
      throw new TidingsError('ERR_SSE_CHECK_TIMEOUT', `revalidate.check gave no answer within ${Math.ceil(limit)} ms; it is tried again`)
    }
    const answer = answerOf(() => runIn(context, check, controller.signal))
    return settledWithin(answer, limit, late)
  }

  askIn(every)
  stream.onClose(() => {
    isOver = true
    clearTimeout(timer)
    asking?.abort()
  })
}

async function answerOf(check: () => unknown): Promise<boolean> {
  const answer = await check()
  if (typeof answer === 'boolean') return answer
  throw invalidOption(`revalidate.check must return true or false, or a promise of one, got ${describe(answer)}`)
}
