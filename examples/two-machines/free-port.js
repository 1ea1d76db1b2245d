import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * The wanted port, or another one if that is taken.
 * @param {number} [wanted] 0 for any
 * @returns {Promise<number>}
 */
export async function freePort(wanted = 0) {
  const server = createServer().listen(wanted, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch (error) {
    if (wanted === 0 || error.code !== 'EADDRINUSE') throw error
    return freePort()
  }
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}
