import { test } from 'vitest'
import { settledUnless } from '../src/lib/waiting.ts'

test('G3 a wait for a promise that has already settled for others ends at once', async () => {
  for (const promise of [Promise.resolve(), Promise.reject(new Error('of the test'))]) {
    await settledUnless(promise, undefined)
    await settledUnless(promise, undefined)
  }
})

test('G3 a reader that leaves no longer waits for a promise that never settles', async () => {
  const controller = new AbortController()
  const left = settledUnless(new Promise(() => {}), controller.signal)
  controller.abort()
  await left
})
