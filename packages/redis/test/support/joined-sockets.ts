import type { Socket } from 'node:net'

/** Joins the sockets of a proxied connection: each ends with the other. Keeps them in a set while they are open. */
export function joinSockets(open: Set<Socket>, socket: Socket, target: Socket): void {
  for (const [one, other] of [
    [socket, target],
    [target, socket],
  ] as const) {
    open.add(one)
    one.on('error', () => {})
    one.on('close', () => {
      open.delete(one)
      other.destroy()
    })
  }
}
