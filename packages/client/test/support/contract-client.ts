import type { ClientRequest, ClientUnderTest, ReportedMessage, StoredMessages } from '@tidings/testing'
import type { connect } from '../../src/index.ts'

/** `connect` of the sources, of the built package, or of a page. */
type Connect = typeof connect

/** What a client of the contract calls. */
export interface Told {
  message(message: ReportedMessage): unknown
  stopped(reason: string): void
  header(): Record<string, string>
  store(stored: StoredMessages): unknown
}

/** The names of {@link Told}. */
export const TOLD: readonly (keyof Told)[] = ['message', 'stopped', 'header', 'store']

/** What a client is asked for, without what is called. */
export interface Asked {
  silence: number
  by: ClientRequest['by']
  throws: boolean
  stores: boolean
}

/**
 * Connects, and tells all that happens. Runs in this process and, as its source, in pages. So it uses nothing around
 * it.
 */
export function read(tidings: { connect: Connect }, told: Told, url: string, { silence, by, throws, stores }: Asked, stored?: StoredMessages): () => void {
  const state = [...(stored?.state ?? [])]
  const take = async (message: ReportedMessage): Promise<void> => {
    // The padding of a flood stays in the page: a call out of it with 5 kB takes long.
    await told.message({ ...message, data: message.data.slice(0, 100) })
    state.push(message.data)
  }
  const connection = tidings.connect<{ message: string }>(url, {
    headers: () => told.header(),
    silence,
    parse: String,
    state: () => [...state],
    ...(stores && { store: { get: () => stored, set: ({ id, state }) => told.store({ id, state: state as string[] }) } }),
  })
  if (throws)
    connection.on('message', () => {
      throw new Error('thrown')
    })
  if (by === 'listener') connection.on('message', take)
  else
    void (async () => {
      for await (const message of connection) if (message.event === 'message') await take(message)
    })()
  connection.subscribe((status) => {
    if (status.state === 'closed') told.stopped(status.reason === 'failed' ? status.error.message : status.reason)
  })
  return connection.close
}

/** The calls of a request of the contract. */
export function toldTo({ onMessage, onStopped, headers, store }: ClientRequest): Told {
  return { message: onMessage, stopped: onStopped, header: headers, store: (stored) => store?.set(stored) }
}

/** A request of the contract without its calls. */
export function askedBy({ silence, by, throws, store }: ClientRequest): Asked {
  return { silence, by, throws, stores: store !== undefined }
}

/** Opens the client in this process, for the contract. */
export function opensWith(connect: Connect): ClientUnderTest['open'] {
  return (request) => read({ connect }, toldTo(request), request.url, askedBy(request), request.store?.get())
}
