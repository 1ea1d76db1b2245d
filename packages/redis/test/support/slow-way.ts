import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { joinSockets } from './joined-sockets.ts'

/** A proxy to a Redis that limits the bytes a second of its answers. */
export class SlowWay {
  readonly port: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, target: number, bytesPerSecond: number) {
    this.#server = server
    this.port = (server.address() as { port: number }).port
    server.on('connection', (socket) => this.#join(socket, connect(target, '127.0.0.1'), bytesPerSecond))
  }

  static async start(target: number, bytesPerSecond: number): Promise<SlowWay> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new SlowWay(server, target, bytesPerSecond)
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }

  #join(socket: Socket, target: Socket, bytesPerSecond: number): void {
    socket.pipe(target)
    target.on('data', async (data) => {
      target.pause()
      socket.write(data)
      await new Promise((resolve) => setTimeout(resolve, (1_000 * data.length) / bytesPerSecond))
      target.resume()
    })
    joinSockets(this.#sockets, socket, target)
  }
}
