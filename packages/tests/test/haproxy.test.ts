import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { AT_ONCE, exchange, expectAtOnce, expectLeavingSeen } from '../support/exchange.ts'
import { frameworks } from '../support/frameworks.ts'
import { type RunningProxy, startHaproxy } from '../support/proxy.ts'
import { Site } from '../support/site.ts'

const behindHaproxy = describeWith('haproxy')

for (const framework of frameworks) {
  behindHaproxy(`${framework.name} behind HAProxy`, () => {
    let site: Site
    let beating: Site
    let haproxy: RunningProxy
    let recommended: string
    let defaults: string
    let defaultsBeating: string

    beforeAll(async () => {
      site = await Site.open(framework)
      beating = await Site.open(framework, { heartbeat: 50 })
      for (const each of [site, beating]) each.handOver('/stream')
      haproxy = await startHaproxy([
        { server: site.port, options: ['option http-no-delay', 'option abortonclose'] },
        { server: site.port, options: [] },
        { server: beating.port, options: [] },
      ])
      const [first, second, third] = haproxy.ports.map((port) => `http://127.0.0.1:${port}/stream`) as [string, string, string]
      recommended = first
      defaults = second
      defaultsBeating = third
    })
    afterAll(async () => {
      await haproxy?.close()
      await site?.close()
      await beating?.close()
    })
    afterEach(() => expect([...site.errors, ...beating.errors]).toEqual([]))

    it('H8 passes each message on at once with option http-no-delay', async () => {
      const { delays } = await exchange(site, recommended, 20)
      expectAtOnce(delays)
    })

    // https://docs.haproxy.org/2.6/configuration.html#4-option%20http-no-delay
    // When this test fails, the docs no longer need to ask for the option.
    it('H8 passes each message on late without option http-no-delay', async () => {
      const { delays } = await exchange(site, defaults, 3)
      expect(Math.min(...delays)).toBeGreaterThan(AT_ONCE)
    })

    it('L2 notices that the client of an idle stream left, with option abortonclose', async () => {
      await expectLeavingSeen(site, recommended)
    })

    it('L2 notices at a heartbeat that the client left, without option abortonclose', async () => {
      await expectLeavingSeen(beating, defaultsBeating)
    })
  })
}
