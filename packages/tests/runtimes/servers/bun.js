import { makeApp } from '../app.js'

const app = makeApp()
// The default, 10 seconds, ends a stream before its first heartbeat: https://bun.sh/docs/api/http#idletimeout
const server = Bun.serve({ hostname: '127.0.0.1', port: 0, idleTimeout: 0, fetch: (request) => app.fetch(request) })
console.log(`listening at ${server.port}`)
