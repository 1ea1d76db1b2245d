import { Redis } from 'ioredis'
import { createClient } from 'redis'

/** A connected client of a library. */
export async function connect(library, port) {
  return library === 'ioredis' ? new Redis(port) : createClient({ socket: { port } }).connect()
}
