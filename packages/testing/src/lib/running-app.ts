import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { EventStream, StreamOptions } from '@tidings/core'
import type { AdapterUnderTest, RouteUnderTest } from './adapter-under-test.ts'

/** The protocols that the contract is tested over. */
export type Protocol = 'HTTP/1.1' | 'HTTP/2'

/** The app of one test, on a real port of the loopback. */
export interface RunningApp {
  protocol: Protocol
  server: Server | Http2Server
  port: number
  /** The streams that were opened, in order. */
  streams: EventStream[]
  /** The errors that reached the framework's error handling. */
  frameworkErrors: unknown[]
  /** The errors that reached `onError`, with their stages. */
  errors: Array<{ error: unknown; stage: string }>
  /** The request and the response of each exchange, in order. */
  exchanges: Array<{ req: IncomingMessage; res: ServerResponse }>
  /** The next stream that opens. */
  nextStream(): Promise<EventStream>
  close(): Promise<void>
}

/** The parts of an app that a test sets. The rest has defaults. */
export interface AppOptions {
  options?: StreamOptions
  middleware?: string
  nameTaken?: boolean
  routes?: RouteUnderTest[]
  /** The short way for a single `GET /`. */
  run?: RouteUnderTest['run']
  route?: Partial<RouteUnderTest>
  /** Keep no streams and no exchanges, for tests that count what is left. */
  forgets?: boolean
}

/** Starts the app of a test. */
export async function startApp(adapter: AdapterUnderTest, protocol: Protocol, app: AppOptions): Promise<RunningApp> {
  const streams: EventStream[] = []
  const frameworkErrors: unknown[] = []
  const errors: RunningApp['errors'] = []
  const exchanges: RunningApp['exchanges'] = []
  const waiting: Array<(stream: EventStream) => void> = []
  const routes = app.routes ?? [{ path: '/', run: app.run ?? (() => {}), ...app.route }]

  const listener = await adapter.listener({
    options: { onError: (error, { stage }) => errors.push({ error, stage }), ...app.options },
    middleware: app.middleware,
    ...(app.nameTaken ? { nameTaken: true } : {}),
    routes: routes.map((route) => ({
      ...route,
      run: (stream, ...rest) => {
        if (!app.forgets) streams.push(stream)
        waiting.shift()?.(stream)
        return route.run(stream, ...rest)
      },
    })),
    onFrameworkError: (error) => frameworkErrors.push(error),
  })
  const handle = (req: IncomingMessage, res: ServerResponse): unknown => {
    if (!app.forgets) exchanges.push({ req, res })
    return listener(req, res)
  }
  const server = protocol === 'HTTP/2' ? createHttp2Server(handle as never) : createServer(handle)
  const sessions = new Set<ServerHttp2Session>()
  server.on('session', (session: ServerHttp2Session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  return {
    protocol,
    server,
    port: (server.address() as AddressInfo).port,
    streams,
    frameworkErrors,
    errors,
    exchanges,
    nextStream: () => new Promise((resolve) => waiting.push(resolve)),
    close: () => closeServer(server, sessions),
  }
}

function closeServer(server: Server | Http2Server, sessions: Set<ServerHttp2Session>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    if ('closeAllConnections' in server) server.closeAllConnections()
    for (const session of sessions) session.destroy()
  })
}
