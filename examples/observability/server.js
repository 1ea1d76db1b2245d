// A stream of scores, and its numbers: by prom-client at /metrics, and by OpenTelemetry at /opentelemetry.
import { metrics as api } from '@opentelemetry/api'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { createChannel } from '@tidings/core'
import { sse } from '@tidings/express'
import express from 'express'
import { observeTidings } from './with-opentelemetry.js'
import { registry } from './with-prometheus.js'

// Stands in for the exporter of an app. OTLP would send the numbers; this one is asked for them.
const exporter = new PrometheusExporter({ preventServerStart: true })
api.setGlobalMeterProvider(new MeterProvider({ readers: [exporter] }))
observeTidings()

const shutdown = new AbortController()
const scores = createChannel({ history: { messages: 100 } })
let number = 0
const goals = setInterval(() => scores.publish({ event: 'goal', data: { number: ++number } }), 200)

const app = express()
app.use(sse({ signal: shutdown.signal }))
app.get('/scores', (_req, res) => void scores.subscribe(res.sse()))
app.get('/metrics', async (_req, res) => void res.type(registry.contentType).send(await registry.metrics()))
app.get('/opentelemetry', (req, res) => exporter.getMetricsRequestHandler(req, res))

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
server.once('listening', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  console.log(`Scores at http://localhost:${port}/scores`)
  console.log(`Metrics at http://localhost:${port}/metrics`)
})
for (const name of ['SIGINT', 'SIGTERM']) {
  process.once(name, () => {
    clearInterval(goals)
    shutdown.abort()
    server.close()
    // Prometheus keeps its connection. Node would wait for its next request.
    setTimeout(() => server.closeAllConnections(), 500).unref()
  })
}
