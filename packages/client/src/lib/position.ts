import { callReported } from './client-error.ts'

/** A position with the state that belongs to it. */
export interface Stored {
  /** The last event ID. */
  id: string
  /** The result of the option `state` at this id. */
  state?: unknown
}

/** Keeps the position of a connection, and the state that belongs to it, over a reload. */
export interface Store {
  /** Returns what was stored last. Is called before the first request. */
  get(): Stored | undefined | null | PromiseLike<Stored | undefined | null>
  /** Stores a position with its state in one step. The next call waits for a promise that it returns. */
  set(stored: Stored): unknown
}

/** The position of a connection. */
export interface Position {
  /** The id from which the next request resumes. */
  id: string
  /** Takes the stored id, once. */
  load(): Promise<void>
  /** Stores an id that the app has had, with the state at this time. */
  keep(id: string): void
}

export function createPosition(id: string, store?: Store, state?: () => unknown): Position {
  let loaded = false
  let kept: string | undefined
  let waiting: Stored | undefined
  let writing = false

  async function write(): Promise<void> {
    writing = true
    for (; waiting; ) {
      const stored = waiting
      waiting = undefined
      await callReported(() => store?.set(stored))
    }
    writing = false
  }

  return {
    id,
    async load() {
      if (loaded) return
      const stored = await store?.get()
      loaded = true
      this.id = kept = stored?.id ?? this.id
    },
    keep(id) {
      if (!store || id === kept) return
      kept = id
      callReported(() => {
        // Read now: a later state may have more than the id tells, and messages would then count twice.
        waiting = { id, state: state?.() }
        if (!writing) void write()
      })
    },
  }
}
