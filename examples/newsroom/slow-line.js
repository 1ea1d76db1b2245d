const EVERY = 5_000

/**
 * Makes of a response one at the end of a slow line: it takes a write, and then asks to wait for five seconds.
 * @param {import('node:http').ServerResponse} res
 */
export function slowDown(res) {
  const write = /** @type {(...parts: unknown[]) => boolean} */ (res.write).bind(res)
  /** @type {NodeJS.Timeout | undefined} */
  let busy
  res.write = /** @param {unknown[]} parts */ (...parts) => {
    write(...parts)
    busy ??= setTimeout(() => {
      busy = undefined
      res.emit('drain')
    }, EVERY)
    return false
  }
  res.once('close', () => clearTimeout(busy))
}
