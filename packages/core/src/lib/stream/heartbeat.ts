import { checkedEvent, encodeComment, encodeMessage } from '../message/message.ts'
import { SharedText } from '../message/shared-text.ts'
import { checkedDelay, checkedOption, wrongOption } from '../option-checks.ts'

/** The heartbeat of a stream. `SinkStream` sends it, with the position that `Reader.heartbeat` gives. */
export interface Heartbeat {
  /** It is sent after this many milliseconds without a write. */
  readonly interval: number
  /** A comment, or an empty event. */
  readonly frame: SharedText
}

/** Checks the option `heartbeat`. Undefined stands for no heartbeats. @throws `ERR_SSE_INVALID_OPTION` */
export function resolveHeartbeat(value: unknown): Heartbeat | undefined {
  if (value === false) return undefined
  if (typeof value !== 'object' || value === null)
    return { interval: checkedDelay('heartbeat', value, ', false, or { interval, event }'), frame: new SharedText(encodeComment(), 0) }
  const { interval, event, ...rest } = value as { interval?: unknown; event?: unknown }
  if (Object.keys(rest).length > 0) throw wrongOption('heartbeat', '{ interval, event }', value)
  const name = checkedOption('heartbeat.event', () => checkedEvent(event))
  if (name === '' || name === 'message') throw wrongOption('heartbeat.event', "a name other than 'message'", name)
  return { interval: checkedDelay('heartbeat.interval', interval), frame: new SharedText(encodeMessage({ event: name, data: '' }), 0) }
}

/** The frame of a heartbeat with a client's position. The lines stand before the blank line that ends the frame. */
export function heartbeatWith(position: string, { frame }: Heartbeat): string {
  return `${frame.text.slice(0, -1)}${position}\n`
}

/** The delay of the next look at a stream, in milliseconds. An overdue heartbeat waits until the peer takes bytes. */
export function heartbeatDelay({ interval }: Heartbeat, lastWrite: number, present: number): number {
  const left = lastWrite + interval - present
  return left > 0 ? left : interval / 8
}
