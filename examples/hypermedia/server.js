import { fileURLToPath } from 'node:url'
import { sse } from '@tidings/express'
import express from 'express'
import { dialects } from './dialects.js'
import { Harbour } from './harbour.js'

const PACE = Number(process.env.PACE ?? 2_000)
const SHIPS = ['Albatros', 'Bontekoe', 'Calypso', 'Dar Pomorza', 'Eendracht', 'Færder', 'Götheborg', 'Hikawa Maru']
// From node_modules, so that the pages load nothing from other hosts.
const LIBRARIES = {
  'htmx2.js': import.meta.resolve('htmx2/dist/htmx.min.js'),
  'htmx2-sse.js': import.meta.resolve('htmx-ext-sse/dist/sse.min.js'),
  'htmx4.js': import.meta.resolve('htmx4/dist/htmx.min.js'),
  'htmx4-sse.js': import.meta.resolve('htmx4/dist/ext/hx-sse.min.js'),
  'turbo.js': import.meta.resolve('@hotwired/turbo/dist/turbo.es2017-esm.js'),
  // Its makers do not publish it on npm: https://github.com/starfederation/datastar/issues/1158
  'datastar.js': import.meta.resolve('./vendor/datastar/datastar.js'),
}

const harbour = new Harbour()
if (PACE > 0) {
  let arrived = 0
  setInterval(() => harbour.arrive(SHIPS[arrived++ % SHIPS.length]), PACE).unref()
}

const shutdown = new AbortController()
const app = express()
app.use(sse({ retry: 1_000, signal: shutdown.signal }))

app.get('/events/:library', (req, res) => {
  const { library } = req.params
  if (!Object.hasOwn(dialects, library)) return res.sendStatus(404)
  harbour.show(res.sse(), library)
})

app.post('/ships', express.urlencoded({ limit: '1kb' }), (req, res) => {
  const { ship } = req.body ?? {}
  if (typeof ship !== 'string' || ship === '') return res.status(400).send('A ship comes as a form: ship=…\n')
  harbour.arrive(ship)
  res.sendStatus(204)
})

app.get('/libraries/:file', (req, res) => {
  const { file } = req.params
  if (!Object.hasOwn(LIBRARIES, file)) return res.sendStatus(404)
  // With pnpm, the path has a folder whose name begins with a dot.
  res.sendFile(fileURLToPath(LIBRARIES[file]), { dotfiles: 'allow' })
})

app.use(express.static(fileURLToPath(new URL('public', import.meta.url)), { extensions: ['html'] }))

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
server.once('listening', () => console.log(`The harbour is at http://localhost:${server.address().port}`))

for (const name of ['SIGINT', 'SIGTERM']) {
  process.once(name, () => {
    shutdown.abort()
    server.close()
    // Browsers open connections in advance. Node would wait for the first request on them.
    setTimeout(() => server.closeAllConnections(), 500).unref()
  })
}
