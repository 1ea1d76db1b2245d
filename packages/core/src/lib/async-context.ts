/** The part of Node's `AsyncResource` that is used. Bun, Deno and Workers have it too. */
export interface AsyncContext {
  runInAsyncScope<Args extends unknown[], Result>(run: (...args: Args) => Result, thisArg: undefined, ...args: Args): Result
}

interface Platform {
  process?: { getBuiltinModule?: (name: string) => { AsyncResource: new (type: string) => AsyncContext } | undefined }
}

// Looked up by name, because an import would fail on platforms without it. There each function runs in the context of
// its caller.
const AsyncResource = (globalThis as Platform).process?.getBuiltinModule?.('node:async_hooks')?.AsyncResource

/**
 * Captures the current async context (`AsyncLocalStorage`), for a function that is given now and called later.
 * `undefined` where the platform has none.
 */
export function currentContext(): AsyncContext | undefined {
  return AsyncResource && new AsyncResource('Tidings')
}

/** Calls a function in a captured context. */
export function runIn<Args extends unknown[], Result>(context: AsyncContext | undefined, run: (...args: Args) => Result, ...args: Args): Result {
  return context ? context.runInAsyncScope(run, undefined, ...args) : run(...args)
}

// Captured while modules load, when there is no request's context: docs/decisions/025-async-context.md
const outside = currentContext()

/**
 * Calls a function outside of any request's context. Use it to start a timer or a loop that serves many requests: it
 * would otherwise run in the context of the request that happened to start it, and keep that context in memory.
 */
export function runOutside<Args extends unknown[], Result>(run: (...args: Args) => Result, ...args: Args): Result {
  return runIn(outside, run, ...args)
}
