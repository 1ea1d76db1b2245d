import { SharedText } from '../message/shared-text.ts'

/** The frames of a view between two cursors. */
export class Batch extends SharedText {
  /** The offset of its last message. */
  readonly last: number
  /** The cursor of a reader that has got the batch. */
  readonly to: number

  constructor(text: string, messages: number, last: number, to: number) {
    super(text, messages)
    this.last = last
    this.to = to
  }

  /** Whether the view has no message between the cursors. */
  get isEmpty(): boolean {
    return this.text === ''
  }
}
