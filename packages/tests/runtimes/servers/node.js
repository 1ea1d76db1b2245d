import { serve } from '@hono/node-server'
import { makeApp } from '../app.js'

serve({ fetch: makeApp().fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => console.log(`listening at ${port}`))
