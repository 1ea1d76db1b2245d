// Longer than any chain of causes that is no circle.
const DEEPEST_CAUSE = 8
const NAME = /abort|cancel/i
// Not `ECONNABORTED`, which axios gives to its timeouts.
const CODE = /(?:^|_)(?:ABORT|CANCEL)/
// 'Request was aborted.', 'canceled', '1 CANCELLED: Cancelled on client'
const TEXT = /^(?:\w+ ){0,3}(?:aborted|cancell?ed)\b/i

/**
 * Whether an error says that something was given up, in the words of the platform or of the library that was given a
 * signal, or has such a one underneath. Some keep neither the signal's reason nor a name (that of OpenAI's SDK is
 * `'Error'`, and its class is renamed by bundlers), so the text counts where there is no name.
 */
export function saysAborted(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > DEEPEST_CAUSE) return false
  const { name, code, message, cause, errors } = error as { name?: unknown; code?: unknown; message?: unknown; cause?: unknown; errors?: unknown }
  if (NAME.test(`${String(name)} ${error.constructor?.name}`) || CODE.test(String(code))) return true
  if (name === 'Error' && TEXT.test(String(message))) return true
  return [cause, ...(Array.isArray(errors) ? errors : [])].some((each) => saysAborted(each, depth + 1))
}
