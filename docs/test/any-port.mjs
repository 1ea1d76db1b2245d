// Loaded before a program of a page: its server takes a free port in place of the one it names, and tells which.
import { Server } from 'node:net'

const { listen } = Server.prototype
Server.prototype.listen = function (first, ...rest) {
  this.once('listening', () => process.send?.({ port: this.address().port }))
  return listen.call(this, typeof first === 'object' ? { ...first, port: 0 } : 0, ...rest)
}
