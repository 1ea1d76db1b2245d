import { EventEmitter, once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { EventStream, StreamOptions } from '@tidings/core'
import { generate } from 'selfsigned'
import type { Framework, Route, Visit } from './frameworks.ts'

/** A key and a certificate in PEM. */
export interface Certificate {
  key: string
  cert: string
}

/** A stream that a site opened, with its request. */
export interface Opened {
  stream: EventStream
  visit: Visit
}

const PAGE = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Tidings</title>'

/** The server of one framework on a free loopback port. `/` is an empty page. Tests add the routes that they need. */
export class Site {
  readonly routes: Map<string, Route> = new Map([['/', () => PAGE]])
  /** The errors that the framework took for failures of the app. Tests expect none. */
  readonly errors: unknown[] = []
  readonly #opened = new EventEmitter()
  readonly #server: Server | Http2SecureServer
  readonly #sockets = new Set<Socket>()

  private constructor(framework: Framework, options: StreamOptions, certificate?: Certificate) {
    const listener = framework.listener({
      route: (visit) => this.routes.get(visit.path)?.(visit) ?? 404,
      options,
      onError: (error) => this.errors.push(error),
    })
    this.#server = certificate ? createSecureServer(certificate, listener) : createServer(listener)
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  /** Listens with TLS and HTTP/2 if there is a certificate, and with plain HTTP/1.1 if not. */
  static async open(framework: Framework, options: StreamOptions = {}, certificate?: Certificate): Promise<Site> {
    const site = new Site(framework, options, certificate)
    await once(site.#server.listen(0, '127.0.0.1'), 'listening')
    return site
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Adds a route whose streams {@link Site.nextStream} returns. */
  handOver(path: string): void {
    this.routes.set(path, (visit) => (stream) => this.#opened.emit(path, { stream, visit }))
  }

  /** Resolves with the next stream that opens at a path. Call it before the request is made. */
  async nextStream(path: string): Promise<Opened> {
    const [opened] = await once(this.#opened, path)
    return opened
  }

  /** Destroys every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** Makes a self-signed certificate for the loopback address. Nothing is written to disk. */
export async function makeCertificate(): Promise<Certificate> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec', curve: 'P-256' })
  return { key, cert }
}
