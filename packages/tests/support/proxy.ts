import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BINARIES } from '../../../scripts/requirements.ts'
import { Child } from './child.ts'
import type { Certificate } from './site.ts'

/** A proxy in a child process. */
export interface RunningProxy {
  ports: number[]
  close(): Promise<void>
}

/** Starts the installed nginx in a temporary directory. `server` returns the content of its one `server` block. */
export function startNginx(server: (port: number) => string, certificate?: Certificate): Promise<RunningProxy> {
  return start(1, async (directory, [port = 0]) => {
    if (certificate) {
      await writeFile(join(directory, 'key.pem'), certificate.key)
      await writeFile(join(directory, 'cert.pem'), certificate.cert)
    }
    await writeFile(join(directory, 'nginx.conf'), nginxConfig(server(port)))
    const child = new Child(BINARIES.nginx, ['-p', directory, '-c', 'nginx.conf', '-e', 'stderr'])
    // nginx prints this after it has begun to listen.
    return { child, ready: child.says('stderr', /\[notice\].*nginx\//) }
  })
}

/** One `listen` section of HAProxy. `server` is the port of the server behind it. */
export interface Frontend {
  server: number
  options: readonly string[]
}

/** Starts the installed HAProxy. Its `ports` are in the order of the frontends. */
export function startHaproxy(frontends: readonly Frontend[]): Promise<RunningProxy> {
  return start(frontends.length, async (directory, ports) => {
    const file = join(directory, 'haproxy.cfg')
    await writeFile(file, haproxyConfig(frontends, ports))
    const child = new Child(BINARIES.haproxy, ['-W', '-db', '-f', file])
    return { child, ready: child.says('stderr', /Loading success/) }
  })
}

async function start(count: number, launch: (directory: string, ports: number[]) => Promise<{ child: Child; ready: Promise<unknown> }>): Promise<RunningProxy> {
  const directory = await mkdtemp(join(tmpdir(), 'tidings-e2e-'))
  for (let attempt = 1; ; attempt++) {
    const ports = await freePorts(count)
    const { child, ready } = await launch(directory, ports)
    const close = async (): Promise<void> => {
      await child.end()
      await rm(directory, { recursive: true, force: true })
    }
    try {
      await ready
      return { ports, close }
    } catch (error) {
      // Another process may have taken the port after freePorts() found it.
      if (attempt < 3 && /in use|cannot bind/i.test(child.stderr)) continue
      await close()
      throw error
    }
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await once(server.listen(0, '127.0.0.1'), 'listening')
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

// One process in the foreground, so that its end ends the proxy. Everything else is nginx's default.
const nginxConfig = (server: string): string => `
daemon off;
master_process off;
pid nginx.pid;
error_log stderr notice;
events {}
http {
  access_log off;
  client_body_temp_path client_body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {
${server}
  }
}
`

const haproxyConfig = (frontends: readonly Frontend[], ports: readonly number[]): string => `
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
${frontends
  .map(
    ({ server, options }, index) => `
listen frontend${index}
  bind 127.0.0.1:${ports[index]}
  ${options.join('\n  ')}
  server app 127.0.0.1:${server}
`,
  )
  .join('')}`
