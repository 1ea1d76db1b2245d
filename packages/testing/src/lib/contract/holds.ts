import type { TidingsError } from '@tidings/core'
import { expect, test } from 'vitest'
import type { AdapterUnderTest } from '../adapter-under-test.ts'
import { type AppOptions, type Protocol, type RunningApp, startApp } from '../running-app.ts'

/** Starts an app that is closed when its test is over. */
export type Start = (app: AppOptions) => Promise<RunningApp>

/** One sentence of the contract, with its id first, and the test that it holds. */
export type Holds = (sentence: string, proof: (start: Start) => Promise<void>, timeout?: number) => void

/** What a part of the contract gets to prove its sentences with. */
export interface Contract {
  adapter: AdapterUnderTest
  protocol: Protocol
  holds: Holds
}

/** The contract for one adapter over one protocol. */
export function contractFor(adapter: AdapterUnderTest, protocol: Protocol): Contract {
  const holds: Holds = (sentence, proof, timeout = 20_000) => {
    const [, why] = Object.entries(adapter.cannot ?? {}).find(([beginning]) => `${protocol} ${sentence}`.startsWith(beginning)) ?? []
    const name = why === undefined ? sentence : `${sentence} [cannot: ${why}]`
    const body = async (): Promise<void> => {
      const apps: RunningApp[] = []
      const unhandled: unknown[] = []
      const note = (error: unknown): unknown => unhandled.push(error)
      process.on('unhandledRejection', note)
      try {
        await proof(async (options) => {
          const app = await startApp(adapter, protocol, options)
          apps.push(app)
          return app
        })
        expect(unhandled).toEqual([])
      } finally {
        process.off('unhandledRejection', note)
        await Promise.all(apps.map((app) => app.close()))
      }
    }
    if (why === undefined) test(name, body, timeout)
    else test.fails(name, body, timeout)
  }
  return { adapter, protocol, holds }
}

/** The code of what a call throws, or `undefined` when it does not. */
export function codeOf(call: () => unknown): string | undefined {
  try {
    call()
  } catch (error) {
    return (error as TidingsError).code
  }
  return undefined
}
