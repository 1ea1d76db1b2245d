import { makeApp } from '../app.js'

const app = makeApp()
Deno.serve({ hostname: '127.0.0.1', port: 0, onListen: ({ port }) => console.log(`listening at ${port}`) }, (request) => app.fetch(request))
