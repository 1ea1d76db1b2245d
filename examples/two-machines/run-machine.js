/**
 * Prints where a machine listens. Ends it cleanly at a signal, or when its parent process is gone.
 * @param {import('node:http').Server} server
 * @param {AbortController} shutdown of its streams
 * @param {() => Promise<void>} release closes the connection to Redis, after the last reader and publisher
 */
export function runMachine(server, shutdown, release) {
  server.once('listening', () => process.send?.({ port: server.address().port }))

  let ending = false
  const end = () => {
    if (ending) return
    ending = true
    shutdown.abort()
    server.close(async () => {
      await release()
      if (process.connected) process.disconnect()
    })
    // Closes idle connections, such as those that browsers open in advance.
    setTimeout(() => server.closeAllConnections(), 500).unref()
  }
  for (const event of ['SIGINT', 'SIGTERM', 'disconnect']) process.on(event, end)
}
