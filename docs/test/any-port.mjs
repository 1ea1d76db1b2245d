// Loaded before a program of a page. Its server takes a free port instead of its own, and sends the port to the test.
import { Server } from 'node:net'

const { listen } = Server.prototype
Server.prototype.listen = function (first, ...rest) {
  this.once('listening', () => process.send?.({ port: this.address().port }))
  return listen.call(this, typeof first === 'object' ? { ...first, port: 0 } : 0, ...rest)
}
