import { createParser } from 'eventsource-parser'

/** A block of the stream that has an id or data. */
export interface Block {
  /** The last event ID at this block. */
  id: string
  /** Absent in a block without data, which changes the id alone. */
  event?: string
  data?: string
}

/** Turns the bytes of one stream into blocks. `id` is the last event ID at its beginning. */
export function createReader(id: string, onRetry: (retry: number) => void): (bytes: Uint8Array) => Block[] {
  const decoder = new TextDecoder()
  let blocks: Block[] = []
  let latest = id
  const parser = createParser({
    onRetry,
    // Comes before `onEvent` of the same block.
    onId(id) {
      latest = id
      blocks.push({ id })
    },
    onEvent({ id, event = 'message', data }) {
      if (id !== undefined) blocks.pop()
      blocks.push({ id: latest, event, data })
    },
  })
  return (bytes) => {
    blocks = []
    parser.feed(decoder.decode(bytes, { stream: true }))
    return blocks
  }
}
