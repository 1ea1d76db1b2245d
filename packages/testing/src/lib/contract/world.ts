import { deepEqual } from 'node:assert/strict'
import type { AdapterUnderTest } from '../adapter-under-test.ts'
import { type AppOptions, type Protocol, type RunningApp, startApp } from '../running-app.ts'
import type { Sentence, Stage } from './sentence.ts'

/** Starts an app that is closed when its test is over. */
export type Start = (app: AppOptions) => Promise<RunningApp>

/** What is under test. */
export interface Subject {
  adapter: AdapterUnderTest
  protocol: Protocol
}

/** What a proof about an adapter works with. */
export interface World extends Subject {
  start: Start
}

/** A sentence that every adapter holds. */
export type AdapterSentence = Sentence<Subject, World>

/** Gives a proof its world, and closes its apps. Nothing of it may be left unhandled. */
export function stageFor(subject: Subject): Stage<World> {
  return async (proof) => {
    const apps: RunningApp[] = []
    const unhandled: unknown[] = []
    const note = (error: unknown): unknown => unhandled.push(error)
    process.on('unhandledRejection', note)
    try {
      const start: Start = async (options) => {
        const app = await startApp(subject.adapter, subject.protocol, options)
        apps.push(app)
        return app
      }
      await proof({ ...subject, start })
      deepEqual(unhandled, [])
    } finally {
      process.off('unhandledRejection', note)
      await Promise.all(apps.map((app) => app.close()))
    }
  }
}
