// Serves three frameworks at one address. The first part of the path selects the framework.
import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { expressApp } from './express-app.js'
import { honoApp } from './hono-app.js'
import { koaApp } from './koa-app.js'
import { Newsroom } from './newsroom.js'

const shutdown = new AbortController()
const newsroom = new Newsroom()

const express = expressApp(newsroom, shutdown.signal)
const koa = koaApp(newsroom, shutdown.signal).callback()
const hono = getRequestListener(honoApp(newsroom, shutdown.signal).fetch)

const server = createServer((req, res) => {
  const path = req.url ?? '/'
  if (path.startsWith('/koa/')) koa(req, res)
  else if (path.startsWith('/hono/')) hono(req, res)
  else express(req, res)
})

const wanted = Number(process.env.PORT ?? 3000)
let notice = ''
server.once('error', (error) => {
  if (error.code !== 'EADDRINUSE') throw error
  notice = `Port ${wanted} is taken. `
  server.listen(0, '127.0.0.1')
})
server.once('listening', () => console.log(`${notice}The newsroom is open at http://localhost:${server.address().port}`))
// Loopback only, since the page lets everyone publish.
server.listen(wanted, '127.0.0.1')

for (const name of ['SIGINT', 'SIGTERM']) {
  process.once(name, () => {
    shutdown.abort() // Ends every stream cleanly, and asks its page to reconnect a little later than usual.
    server.close()
    // Browsers open connections in advance. Without this, Node waits for a first request on them.
    setTimeout(() => server.closeAllConnections(), 500).unref()
  })
}
