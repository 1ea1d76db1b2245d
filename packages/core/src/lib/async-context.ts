/** What is used of Node's `AsyncResource`, which Bun, Deno and Workers have too. */
export interface AsyncContext {
  runInAsyncScope<Args extends unknown[], Result>(run: (...args: Args) => Result, thisArg: undefined, ...args: Args): Result
}

interface Platform {
  process?: { getBuiltinModule?: (name: string) => { AsyncResource: new (type: string) => AsyncContext } | undefined }
}

// Asked for by name and not imported: where there is none, every function runs where it is called.
const AsyncResource = (globalThis as Platform).process?.getBuiltinModule?.('node:async_hooks')?.AsyncResource

/**
 * The async context (`AsyncLocalStorage`) that is current: what is given now is called in it later. `undefined` where
 * the platform has none.
 */
export function currentContext(): AsyncContext | undefined {
  return AsyncResource && new AsyncResource('Tidings')
}

/** Calls a function in a context. */
export function runIn<Args extends unknown[], Result>(context: AsyncContext | undefined, run: (...args: Args) => Result, ...args: Args): Result {
  return context ? context.runInAsyncScope(run, undefined, ...args) : run(...args)
}

// Made while modules load, when there is no request whose context it would keep for good:
// docs/decisions/025-async-context.md
const outside = currentContext()

/**
 * Calls a function in no request's context: one that starts a timer or a loop that serves others too. It would keep
 * the context of the request that happened to start it, and run in it.
 */
export function runOutside<Args extends unknown[], Result>(run: (...args: Args) => Result, ...args: Args): Result {
  return runIn(outside, run, ...args)
}
