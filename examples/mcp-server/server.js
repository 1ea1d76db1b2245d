// A server of the Model Context Protocol whose answers survive a lost connection.
import express from 'express'
import { mcpEndpoint } from './endpoint.js'
import { makeServer } from './tools.js'

const shutdown = new AbortController()
const app = express()
app.use('/mcp', mcpEndpoint(makeServer, { signal: shutdown.signal, retry: Number(process.env.RETRY ?? 1_000) }))

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
server.once('listening', () => console.log(`Tools are at http://localhost:${server.address().port}/mcp`))
for (const name of ['SIGINT', 'SIGTERM']) {
  process.once(name, () => {
    shutdown.abort()
    server.close()
    setTimeout(() => server.closeAllConnections(), 500).unref()
  })
}
