/**
 * Says where a machine listens, and ends it cleanly when it is told to, or when whoever started it is gone.
 * @param {import('node:http').Server} server
 * @param {AbortController} shutdown of its streams
 * @param {() => Promise<void>} release lets go of Redis, once nobody reads or publishes any more
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
    // What is no stream and sends nothing, such as a connection that was opened ahead of need.
    setTimeout(() => server.closeAllConnections(), 500).unref()
  }
  for (const event of ['SIGINT', 'SIGTERM', 'disconnect']) process.on(event, end)
}
