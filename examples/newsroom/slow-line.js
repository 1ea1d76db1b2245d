const EVERY = 5_000

/**
 * Makes a response behave as on a slow line: after each write, its 'drain' event comes five seconds later.
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
