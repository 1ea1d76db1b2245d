import type { Random } from './faulty-engine.ts'

// The number of runs at the same time. Each run mostly waits.
const AT_ONCE = 60

/** The seed of a property test's first run; each next run has the next one. `TIDINGS_SEED` repeats a run. */
export const SEED: number = Number(process.env['TIDINGS_SEED'] ?? Date.now() % 2 ** 31)

// Milliseconds. No sentence names a time: this only ends a run that would never end. A publish that times out may be
// appended later, so none does.
export const LONGEST_WAIT = 120_000

/** The number of runs of a property test: `TIDINGS_RUNS`, or else `count`. */
export function runsOf(count: number): number {
  return Number(process.env['TIDINGS_RUNS'] ?? count)
}

/** Chooses among items at random. */
export function pickerOf(random: Random): <Item>(items: readonly Item[]) => Item {
  return <Item>(items: readonly Item[]) => items[Math.floor(random() * items.length)] as Item
}

/** Makes a number of runs, each with its own seed. Adds up their counts. */
export async function totalOf<Name extends string>(runs: number, run: (seed: number) => Promise<Record<Name, number>>): Promise<Record<Name, number>> {
  const total = {} as Record<Name, number>
  for (let first = 0; first < runs; first += AT_ONCE) {
    const seeds = Array.from({ length: Math.min(AT_ONCE, runs - first) }, (_, index) => SEED + first + index)
    for (const seen of await Promise.all(seeds.map(run))) {
      for (const [name, count] of Object.entries(seen) as [Name, number][]) total[name] = (total[name] ?? 0) + count
    }
  }
  return total
}
