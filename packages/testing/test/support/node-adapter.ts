import { text } from 'node:stream/consumers'
import type { EventStream } from '@tidings/core'
import { followsFromEnd, resolveOptions } from '@tidings/core/adapter'
import { openEventStream } from '@tidings/core/node'
import type { AdapterUnderTest, AppUnderTest, Listener, RouteUnderTest } from '../../src/index.ts'

function routeFor(app: AppUnderTest, url: string | undefined, method: string | undefined): RouteUnderTest | undefined {
  return app.routes.find((route) => route.path === url?.split('?')[0] && [route.method ?? 'GET', 'HEAD'].includes(method ?? ''))
}

function nodeListener(app: AppUnderTest): Listener {
  resolveOptions(app.options)
  const handle = async (route: RouteUnderTest, ...[req, res]: Parameters<Listener>): Promise<void> => {
    const options = { ...app.options, ...route.callOptions }
    let stream: EventStream | undefined
    try {
      for (const [name, value] of Object.entries(route.headers ?? {})) res.setHeader(name, value)
      if (route.readsBody) await req.forEach(() => {})
      await route.before?.()
      if (route.sendsFirst) res.write('first')
      stream = openEventStream(req, res, options)
      await route.run(
        stream,
        () => openEventStream(req, res, options),
        () => text(req),
      )
    } catch (error) {
      if (stream && followsFromEnd(stream, error)) return
      app.onFrameworkError(error)
      if (res.headersSent) res.destroy()
      else res.writeHead(500).end()
    }
  }
  return (req, res) => {
    const route = routeFor(app, req.url, req.method)
    if (!route) return res.writeHead(404).end()
    const { around = (handler) => handler() } = route
    return around(() => handle(route, req, res))
  }
}

/** What all adapters for Node are built on, as one. */
export const nodeAdapter: AdapterUnderTest = {
  name: 'openEventStream',
  http2: true,
  mountable: false,
  handlerErrors: 'framework',
  listener: nodeListener,
}
