const isFull = Boolean(process.env['CI']) || process.env['TIDINGS_FULL'] === '1'

/**
 * How often a test repeats something: `all` times with `CI=true` or `TIDINGS_FULL=1`, else a tenth of that. So the
 * suites take minutes on a laptop.
 */
export function countOf(all: number): number {
  return isFull ? all : Math.ceil(all / 10)
}
