import { test } from 'vitest'
import { settledUnless } from '../src/lib/waiting.ts'

test('G3 who waits for a promise that others have waited for, and that has settled, waits no longer', async () => {
  for (const promise of [Promise.resolve(), Promise.reject(new Error('of the test'))]) {
    await settledUnless(promise, undefined)
    await settledUnless(promise, undefined)
  }
})

test('G3 who leaves waits no longer for a promise that never settles', async () => {
  const controller = new AbortController()
  const left = settledUnless(new Promise(() => {}), controller.signal)
  controller.abort()
  await left
})
