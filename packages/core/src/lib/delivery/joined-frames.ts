import { ownText } from '../message/own-text.ts'
import type { SharedFrames } from '../message/shared-frames.ts'
import { SharedText } from '../message/shared-text.ts'
import type { JoinedId } from './joined-id.ts'

const ID_LINE = '\nid: '

/** Gathered frames of the channels of a stream, each with the ids of the others. */
export class JoinedFrames extends SharedText {
  /** The ids of a client that has got the frames. */
  readonly ids: JoinedId
  /** The same ids without the frames. Set once these were written. */
  written: JoinedFrames | undefined

  constructor(text: string, ids: JoinedId) {
    super(text, 0) // The lanes have counted the messages.
    this.ids = ids
  }
}

/** How gathered frames became others when a batch was added. */
interface Step {
  readonly from: JoinedFrames
  readonly name: string
  /** The ids of the other channels, and the name. */
  readonly before: string
  readonly to: JoinedFrames
}

/**
 * The last step of each batch. Up-to-date streams with the same channels have the same ids, and take the same step.
 */
const steps = new WeakMap<SharedFrames, Step>()

/**
 * The gathered frames with those of a channel behind them. Streams whose ids are the same get the same object, and so
 * share its bytes.
 *
 * @param knows whether the channel gave out an id
 */
export function addedTo(from: JoinedFrames, frames: SharedFrames, name: string, knows: (id: string) => boolean): JoinedFrames {
  const { ids } = from
  const last = steps.get(frames)
  if (last?.from === from && last.name === name) return last.to
  const before = ids.before(name)
  // Of an id without a name, the text may have another form.
  if (last?.before === before && last.from.text === from.text && !ids.of('')) return last.to
  // A frame of an id alone begins with the id. No other line of a frame begins with its name.
  const lines = `\n${frames.text}`
  const id = lastIdIn(lines)
  const to = new JoinedFrames(from.text + lines.replaceAll(ID_LINE, ID_LINE + before).slice(1), id ? ids.with(name, id, knows) : ids)
  steps.set(frames, { from, name, before, to })
  return to
}

/** The last id in lines that begin with an empty one. */
export function lastIdIn(lines: string): string | undefined {
  const line = lines.lastIndexOf(ID_LINE)
  return line < 0 ? undefined : ownText(lines.slice(line + ID_LINE.length, lines.indexOf('\n', line + 1)))
}
