import { describe } from '../describe.ts'
import { TidingsError } from '../errors.ts'
import { invalidOption } from '../option-checks.ts'
import { type ResolvedOptions, resolveOptions, type StreamOptions } from './stream-options.ts'

/** Marks our own helpers, so that two middlewares of ours stack, also from two copies of this package. */
const OPTIONS = Symbol.for('tidings.options')

/**
 * The layering that every framework's `sse(options)` does: the app's options, over them the route's, over them the
 * call's. Options are checked when the middleware is made, so a bad one fails at start and not at the first request.
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
    // A route sees the same outer layer at each request.
    if (outer !== inherited) {
      inherited = outer
      merged = resolveOptions(own.given, outer)
    }
    return merged
  }
}

/** Brands a helper with the options it has, for a middleware further in to build on. */
export function branded<Helper extends object>(helper: Helper, options: ResolvedOptions): Helper {
  return Object.assign(helper, { [OPTIONS]: options })
}

function ownOptions(options: StreamOptions | undefined): ResolvedOptions {
  try {
    return resolveOptions(options)
  } catch (error) {
    // A request or a context is an instance of something: frameworks hand it to what they take for middleware.
    const isInstance = typeof options === 'object' && options !== null && Object.getPrototypeOf(Object.getPrototypeOf(options) ?? {}) !== null
    if (!isInstance) throw error
    throw invalidOption(`sse takes options, got ${describe(options)}; to mount it, write app.use(sse())`)
  }
}
