import type { Socket } from 'node:net'

/** Keeps both sockets of a proxy's way in a set while they are open, and has either end with the other. */
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
