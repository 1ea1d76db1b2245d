import { SharedText } from '../message/shared-text.ts'

/** The frames of a view between two cursors. */
export class Batch extends SharedText {
  /** The offset of its last kept message; `undefined` where it has none. */
  readonly last: number | undefined
  /** The cursor of a reader that has got the batch. */
  readonly to: number
  /** Whether a reader that has got it has had all that was told: see `Told`. */
  readonly tellsAll: boolean

  constructor(text: string, messages: number, last: number | undefined, to: number, tellsAll = false) {
    super(text, messages)
    this.last = last
    this.to = to
    this.tellsAll = tellsAll
  }

  /** Whether the view has no message between the cursors. */
  get isEmpty(): boolean {
    return this.text === ''
  }
}
