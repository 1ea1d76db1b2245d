const isFull = Boolean(process.env['CI']) || process.env['TIDINGS_FULL'] === '1'

/**
 * How often, or how much, a test does what is to leave nothing behind or to hold for any input: all of it with
 * `CI=true` or `TIDINGS_FULL=1`, and elsewhere a tenth, so that the suites take minutes.
 */
export function countOf(all: number): number {
  return isFull ? all : Math.ceil(all / 10)
}
