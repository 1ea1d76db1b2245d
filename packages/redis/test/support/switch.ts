import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** An address behind which one Redis takes the place of another, as behind a Sentinel's or a cloud's. */
export class Switch {
  readonly port: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #target: number

  private constructor(server: Server, port: number, target: number) {
    this.#server = server
    this.port = port
    this.#target = target
    server.on('connection', (socket) => this.#join(socket))
  }

  static async start(target: number): Promise<Switch> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Switch(server, (server.address() as { port: number }).port, target)
  }

  /** Leads to another Redis from now on, and cuts whoever is connected. */
  lead(target: number): void {
    this.#target = target
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.lead(0)
    this.#server.close()
  }

  #join(socket: Socket): void {
    const target = connect(this.#target, '127.0.0.1')
    for (const [one, other] of [
      [socket, target],
      [target, socket],
    ] as const) {
      this.#sockets.add(one)
      one.on('error', () => {})
      one.on('close', () => {
        this.#sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  }
}
