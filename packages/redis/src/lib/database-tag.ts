/**
 * Finds out what a log adds to the name of its channel in a database other than the first: `:2`. Keys belong to a
 * database and channels to the whole of a Redis, so that a copy of a log in another database would be heard as the
 * log itself.
 *
 * @param send runs a command on the app's connection, which may have selected its database at any time
 * @param configured the database of the client's options, for a Redis that refuses to tell
 */
export function databaseTag(send: (command: string[]) => Promise<unknown>, configured: number | undefined): () => Promise<string> {
  let tag: Promise<string> | undefined
  return () => {
    tag ??= databaseOf(send, configured).then((database) => (database > 0 ? `:${database}` : ''))
    tag.catch(() => {
      tag = undefined
    })
    return tag
  }
}

async function databaseOf(send: (command: string[]) => Promise<unknown>, configured = 0): Promise<number> {
  try {
    return Number(/ db=(\d+)/.exec(String(await send(['CLIENT', 'INFO'])))?.[1] ?? configured)
  } catch (error) {
    // Without the permission, or behind a proxy that does not know the command.
    if (/^(NOPERM|ERR)/.test(String((error as Error | undefined)?.message))) return configured
    throw error
  }
}
