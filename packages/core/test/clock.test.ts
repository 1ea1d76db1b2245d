import { afterEach, describe, expect, test } from 'vitest'
import { clock, type Watched } from '../src/lib/clock.ts'
import { onDrivenClock } from './support/driven-clock.ts'
import { watchTimers } from './support/timers.ts'

/** An object that the clock checks. It notes the times. */
class Patient implements Watched {
  slot = 0
  readonly looks: number[] = []
  readonly #delays: number[]
  #tell = (): void => {}
  /** Resolves after the last check. */
  readonly done: Promise<void>

  constructor(...delays: number[]) {
    this.#delays = delays
    this.done = new Promise((resolve) => {
      this.#tell = resolve
    })
    patients.add(this)
  }

  look(present: number): number {
    this.looks.push(present)
    const next = this.#delays[this.looks.length]
    if (next === undefined) {
      this.leave()
      this.#tell()
    }
    return next ?? 1_000
  }

  watch(): this {
    clock.watch(this, this.#delays[0] ?? 0)
    return this
  }

  leave(): void {
    clock.unwatch(this)
    patients.delete(this)
  }
}

const patients = new Set<Patient>()
afterEach(() => {
  for (const patient of patients) patient.leave()
})

describe('the clock', () => {
  test.each([1, 10, 33, 100, 300, 15_000])('looks between 1 and 1.17 times a delay of %d ms', (delay) =>
    onDrivenClock((time) => {
      const from = time.now()
      const patient = new Patient(...Array.from({ length: 30 }, () => delay)).watch()
      time.advance(delay * 40)
      const times = [from, ...patient.looks]
      const gaps = times.slice(1).map((look, index) => look - (times[index] ?? 0))
      expect(gaps).toHaveLength(30)
      for (const gap of gaps) {
        expect(gap).toBeGreaterThanOrEqual(delay)
        // A slot is at least a millisecond wide.
        expect(gap).toBeLessThanOrEqual(Math.max(delay * 1.17, delay + 1))
      }
    })(),
  )

  test(
    'checks first the stream that is due first, in any order of adding',
    onDrivenClock((time) => {
      const [late, early, middle] = [new Patient(120).watch(), new Patient(20).watch(), new Patient(60).watch()]
      const looked = (): number[] => [early, middle, late].map(({ looks }) => looks.length)
      time.advance(50)
      expect(looked()).toEqual([1, 0, 0])
      time.advance(50)
      expect(looked()).toEqual([1, 1, 0])
      time.advance(50)
      expect(looked()).toEqual([1, 1, 1])
    }),
  )

  test(
    'is not delayed by streams that are due later',
    onDrivenClock((time) => {
      const early = new Patient(20).watch()
      const late = new Patient(10_000).watch()
      time.advance(30)
      expect([early.looks.length, late.looks.length]).toEqual([1, 0])
      late.leave()
    }),
  )

  test('keeps no process alive', () => {
    const alive = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length
    const before = alive()
    new Patient(1_000).watch()
    expect(alive()).toBe(before)
  })

  test('no longer checks a stream that has left, even if it left during the check of another', async () => {
    const other = new Patient(20, 20).watch()
    const left = new Patient(20).watch()
    left.leave()
    class Leaving extends Patient {
      override look(present: number): number {
        // In the same slot, and behind this one.
        behind.leave()
        return super.look(present)
      }
    }
    let leaving: Patient
    let behind: Patient
    // Between the two a slot may end.
    do {
      leaving = new Leaving(40).watch()
      behind = new Patient(40).watch()
    } while (behind.slot !== leaving.slot)
    await Promise.all([other.done, leaving.done])
    expect(left.looks).toEqual([])
    expect(behind.looks).toEqual([])
  })

  test('has one timer, and none if nothing is watched', async () => {
    const timers = watchTimers()
    try {
      for (let delay = 60_000; delay < 60_200; delay++) new Patient(delay).watch()
      expect(await timers.alive()).toBe(1)
      for (const patient of patients) patient.leave()
      expect(await timers.alive()).toBe(0)
      const again = new Patient(60_000).watch()
      expect(await timers.alive()).toBe(1)
      again.leave()
      await new Patient(20).watch().done
      expect(await timers.alive()).toBe(0)
    } finally {
      timers.stop()
    }
  })

  test('waits for times that are too far off for one timer', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error): void => void warnings.push(warning)
    process.on('warning', onWarning)
    try {
      // A timer that overflows fires at once, and Node warns of it.
      const far = new Patient(2 ** 40).watch()
      await new Patient(30, 30, 30).watch().done
      expect(far.looks).toEqual([])
      expect(warnings).toEqual([])
    } finally {
      process.off('warning', onWarning)
    }
  })

  test('ignores a stream that leaves twice, or without having come', () => {
    const patient = new Patient(10)
    patient.leave()
    patient.watch()
    patient.leave()
    patient.leave()
    expect(patient.looks).toEqual([])
  })
})
