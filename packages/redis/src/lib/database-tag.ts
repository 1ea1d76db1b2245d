/**
 * Finds the suffix of a log's channel name: nothing in database 0, `:2` in database 2. Keys belong to one database,
 * but channels belong to the whole server. Without the suffix, followers of a log would hear its copy in another
 * database.
 *
 * @param send runs a command on the app's connection, whose database may have changed
 * @param configured the database in the client's options, for a Redis that refuses to say
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
    // The user lacks the permission, or a proxy does not know the command.
    if (/^(NOPERM|ERR)/.test(String((error as Error | undefined)?.message))) return configured
    throw error
  }
}
