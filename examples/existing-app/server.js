import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { expressApp } from './express-app.js'
import { honoApp } from './hono-app.js'
import { koaApp } from './koa-app.js'

const shutdown = new AbortController()
const settings = {
  secret: process.env.SECRET ?? randomBytes(32).toString('base64url'),
  // The origin of the page that reads from these apps, here a development server.
  page: process.env.PAGE ?? 'http://localhost:5173',
  signal: shutdown.signal,
}
const apps = {
  Express: expressApp(settings),
  Koa: koaApp(settings).callback(),
  Hono: getRequestListener(honoApp(settings).fetch),
}

let port = Number(process.env.PORT ?? 3000)
const servers = []
for (const [name, app] of Object.entries(apps)) {
  const server = createServer(app).listen(port, '127.0.0.1')
  await once(server, 'listening')
  console.log(`${name} listens at http://localhost:${server.address().port}`)
  servers.push(server)
  if (port !== 0) port++
}

for (const name of ['SIGINT', 'SIGTERM']) {
  process.once(name, () => {
    shutdown.abort() // Ends every stream cleanly, and tells its client to reconnect a little later than usual.
    for (const server of servers) {
      server.close()
      // Clients keep idle connections for later requests. Node would wait for them.
      setTimeout(() => server.closeAllConnections(), 500).unref()
    }
  })
}
