import type { CloseReason, EventStream, TidingsError } from '@tidings/core'
import { within } from '../client.ts'

/** Why a stream ended, once it has. */
export async function reasonOf(stream: EventStream | undefined): Promise<CloseReason | undefined> {
  if (!stream) throw new Error('there was no stream')
  const error = await within(new Promise<TidingsError>((resolve) => stream.onClose(resolve)), 'the end of the stream')
  return error.reason
}
