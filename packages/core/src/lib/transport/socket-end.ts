import type { Socket } from 'node:net'

// One listener serves all responses of a connection: Node warns of a leak at the eleventh listener.
const waiting = new WeakMap<Socket, { callbacks: Set<() => void>; listener: () => void }>()

/** Calls back when the connection has ended. */
export function onSocketEnd(socket: Socket, callback: () => void): void {
  const known = waiting.get(socket)
  if (known) {
    known.callbacks.add(callback)
    return
  }
  const callbacks = new Set([callback])
  const listener = (): void => {
    for (const each of callbacks) each()
  }
  waiting.set(socket, { callbacks, listener })
  socket.on('close', listener)
}

/** Removes a callback. The listener is removed with the last one. */
export function offSocketEnd(socket: Socket, callback: () => void): void {
  const known = waiting.get(socket)
  if (!known?.callbacks.delete(callback) || known.callbacks.size > 0) return
  waiting.delete(socket)
  socket.off('close', known.listener)
}
