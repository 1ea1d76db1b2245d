import type { StreamOptions } from '@tidings/core'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { exchange, expectAtOnce, expectLeavingSeen } from '../support/exchange.ts'
import { type Framework, frameworks } from '../support/frameworks.ts'
import { type RunningProxy, startNginx } from '../support/proxy.ts'
import { Reader } from '../support/reader.ts'
import { Site } from '../support/site.ts'

/** The directives of a location beside `proxy_pass`. `httpVersion` is what the server sees, if they set it. */
const LOCATIONS: ReadonlyArray<{ name: string; directives: string; httpVersion?: string; encoding?: string }> = [
  { name: 'defaults', directives: '' },
  { name: 'HTTP/1.0 to the server', directives: 'proxy_http_version 1.0;', httpVersion: '1.0' },
  { name: 'HTTP/1.1 to the server', directives: 'proxy_http_version 1.1; proxy_set_header Connection "";', httpVersion: '1.1' },
  { name: 'gzip on', directives: 'gzip on; gzip_types text/event-stream; gzip_proxied any;', encoding: 'gzip' },
  {
    name: 'gzip on and HTTP/1.1 to the server',
    directives: 'gzip on; gzip_types text/event-stream; gzip_proxied any; proxy_http_version 1.1; proxy_set_header Connection "";',
    httpVersion: '1.1',
    encoding: 'gzip',
  },
]

const behindNginx = describeWith('nginx')

for (const framework of frameworks) {
  behindNginx(`${framework.name} behind nginx`, () => {
    let site: Site
    let nginx: RunningProxy
    let origin: string

    beforeAll(async () => {
      site = await Site.open(framework)
      site.handOver('/stream')
      nginx = await startNginx((port) => serverBlock(port, site.port))
      origin = `http://127.0.0.1:${nginx.ports[0]}`
    })
    afterAll(async () => {
      await nginx?.close()
      await site?.close()
    })
    afterEach(() => expect(site.errors).toEqual([]))

    for (const [index, { name, httpVersion, encoding }] of LOCATIONS.entries()) {
      it(`H8 passes each message on at once: ${name}`, async () => {
        const { reader, delays, ...seen } = await exchange(site, `${origin}/${index}/stream`, 20)

        expect((await reader.head).headers['content-encoding']).toBe(encoding)
        if (httpVersion) expect(seen.httpVersion).toBe(httpVersion)
        expectAtOnce(delays)
      })

      it(`L2 notices that the client left: ${name}`, async () => {
        await expectLeavingSeen(site, `${origin}/${index}/stream`)
      })
    }
  })
}

/** Without the header nothing arrives. This shows that the tests above can fail. */
behindNginx('H1 H8 If nginx does not read X-Accel-Buffering: no', () => {
  const [framework] = frameworks as [Framework]
  const held: Array<{ name: string; options: StreamOptions; directives: string }> = [
    { name: 'because the headers option says yes', options: { headers: { 'X-Accel-Buffering': 'yes' } }, directives: '' },
    { name: 'because nginx is told to ignore the header', options: {}, directives: 'proxy_ignore_headers X-Accel-Buffering;' },
  ]

  for (const { name, options, directives } of held)
    it(`it holds messages back until the stream ends, ${name}`, async () => {
      const site = await Site.open(framework)
      const heldSite = await Site.open(framework, options)
      const nginx = await startNginx(
        (port) => `
      listen 127.0.0.1:${port};
      location /held/ { proxy_pass http://127.0.0.1:${heldSite.port}/; ${directives} }
      location / { proxy_pass http://127.0.0.1:${site.port}; }`,
      )
      try {
        const origin = `http://127.0.0.1:${nginx.ports[0]}`
        site.handOver('/stream')
        heldSite.handOver('/stream')
        const opened = heldSite.nextStream('/stream')
        const reader = new Reader(`${origin}/held/stream`)
        const { stream } = await opened
        await stream.send('held back')

        // Twenty messages of another stream pass through the same nginx process.
        await exchange(site, `${origin}/stream`, 20)
        expect(reader.text).toBe('')

        stream.close()
        await reader.ended
        expect(reader.text).toBe(':\n\ndata: held back\n\n')
      } finally {
        await nginx.close()
        await Promise.all([site.close(), heldSite.close()])
      }
    })
})

function serverBlock(port: number, serverPort: number): string {
  const locations = LOCATIONS.map(({ directives }, index) => `location /${index}/ { proxy_pass http://127.0.0.1:${serverPort}/; ${directives} }`)
  return [`listen 127.0.0.1:${port};`, ...locations].join('\n')
}
