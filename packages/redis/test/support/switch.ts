import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { joinSockets } from './joined-sockets.ts'

/** An address at which one Redis can replace another, as with Sentinel or in a cloud. */
export class Switch {
  readonly port: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #target: number
  readonly #delay: number

  private constructor(server: Server, port: number, target: number, delay: number) {
    this.#delay = delay
    this.#server = server
    this.port = port
    this.#target = target
    server.on('connection', (socket) => this.#join(socket))
  }

  /** @param delay how long each byte takes on its way, there and back, in milliseconds */
  static async start(target: number, delay = 0): Promise<Switch> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Switch(server, (server.address() as { port: number }).port, target, delay)
  }

  /** Leads to another Redis from now on, and cuts all connections. */
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
    joinSockets(this.#sockets, socket, target)
    for (const [one, other] of [
      [socket, target],
      [target, socket],
    ] as const) {
      if (this.#delay === 0) one.pipe(other)
      else one.on('data', (data) => setTimeout(() => other.write(data), this.#delay))
    }
  }
}
