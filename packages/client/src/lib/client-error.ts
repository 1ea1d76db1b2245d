/** Every code that an error of the client can carry. `docs/client.md` has a row for each. */
export type ClientErrorCode =
  | 'ERR_SSE_INVALID_OPTION'
  | 'ERR_SSE_NOT_SENT'
  | 'ERR_SSE_NETWORK'
  | 'ERR_SSE_CONNECT_TIMEOUT'
  | 'ERR_SSE_SILENT'
  | 'ERR_SSE_REFUSED'
  | 'ERR_SSE_WRONG_TYPE'
  | 'ERR_SSE_INVALID_DATA'

/**
 * An error of the client, with a name and codes like those of `@tidings/core`. It is not of core's class, since a page
 * would then install core. Tell errors apart by `code`.
 */
export interface ClientError extends Error {
  /** The kind of the error. */
  readonly code: ClientErrorCode
  /** The status of the response. On `ERR_SSE_REFUSED` and `ERR_SSE_WRONG_TYPE` only. */
  readonly status?: number
}

/** Makes an error with a code, and with the fields of `details`. */
export function clientError(code: ClientErrorCode, message: string, details?: { cause?: unknown; status?: number }): ClientError {
  return Object.assign(new Error(message), { name: 'TidingsError', code }, details)
}

/**
 * Calls a function of the app. If it throws, or returns a promise that rejects, the error is reported. Returns the
 * promise, which then does not reject.
 */
export function callReported(work: () => unknown): PromiseLike<unknown> | undefined {
  try {
    const result = work() as PromiseLike<unknown> | undefined
    return typeof result?.then === 'function' ? result.then(undefined, reportUncaught) : undefined
  } catch (error) {
    reportUncaught(error)
    return undefined
  }
}

/** Reports an error that no caller can catch, as the platform reports an uncaught error. */
export function reportUncaught(error: unknown): void {
  // Node has no reportError.
  if (typeof reportError === 'function') reportError(error)
  else
    setTimeout(() => {
      throw error
    })
}
