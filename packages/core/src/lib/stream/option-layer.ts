import { describe } from '../describe.ts'
import { TidingsError } from '../errors.ts'
import { invalidOption } from '../option-checks.ts'
import { type ResolvedOptions, resolveOptions, type StreamOptions } from './stream-options.ts'

/** Marks an `sse` helper of Tidings, so that two middlewares stack, even from two copies of this package. */
const OPTIONS = Symbol.for('tidings.options')

/**
 * Layers options for `sse(options)` of every framework: the options of a route override those of the app, and the
 * options of a call override both. They are checked when the middleware is made, so a bad option fails at start and
 * not at the first request.
 */
export function optionLayer(options?: StreamOptions): (earlier: unknown) => ResolvedOptions {
  const own = ownOptions(options)
  let inherited: ResolvedOptions | undefined
  let merged = own
  return (earlier) => {
    if (earlier === undefined) return own
    const outer = (earlier as { [OPTIONS]?: ResolvedOptions })[OPTIONS]
    if (!outer)
      throw new TidingsError(
        'ERR_SSE_NAME_TAKEN',
        'sse() found an `sse` there that is not its own; mount only one library that adds it, or use eventStream() without the middleware',
      )
    // A route gets the same outer layer with each request.
    if (outer !== inherited) {
      inherited = outer
      merged = resolveOptions(own.given, outer)
    }
    return merged
  }
}

/** Stores the options of a helper on it, for an inner middleware to build on. */
export function branded<Helper extends object>(helper: Helper, options: ResolvedOptions): Helper {
  return Object.assign(helper, { [OPTIONS]: options })
}

function ownOptions(options: StreamOptions | undefined): ResolvedOptions {
  try {
    return resolveOptions(options)
  } catch (error) {
    // Someone mounted `sse` instead of `sse()`: the framework called it with a request or a context, which is an
    // instance of some class.
    const isInstance = typeof options === 'object' && options !== null && Object.getPrototypeOf(Object.getPrototypeOf(options) ?? {}) !== null
    if (!isInstance) throw error
    throw invalidOption(`sse takes options, got ${describe(options)}; to mount it, write app.use(sse())`)
  }
}
