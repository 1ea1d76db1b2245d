// No real chain of causes is longer, except one that leads back to itself.
const DEEPEST_CAUSE = 8
const NAME = /abort|cancel/i
// `ECONNABORTED` does not match: axios gives it to timeouts.
const CODE = /(?:^|_)(?:ABORT|CANCEL)/
// 'Request was aborted.', 'canceled', '1 CANCELLED: Cancelled on client'
const TEXT = /^(?:\w+ ){0,3}(?:aborted|cancell?ed)\b/i

/**
 * Whether an error, or one of its causes, says that an operation was aborted, in the words of the platform or of a
 * library that got a signal. Some libraries keep neither the signal's reason nor a name: the error of OpenAI's SDK is
 * named `'Error'`, and bundlers rename its class. So the text counts where the error has no name of its own.
 */
export function saysAborted(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > DEEPEST_CAUSE) return false
  const { name, code, message, cause, errors } = error as { name?: unknown; code?: unknown; message?: unknown; cause?: unknown; errors?: unknown }
  if (NAME.test(`${String(name)} ${error.constructor?.name}`) || CODE.test(String(code))) return true
  if (name === 'Error' && TEXT.test(String(message))) return true
  return [cause, ...(Array.isArray(errors) ? errors : [])].some((each) => saysAborted(each, depth + 1))
}
