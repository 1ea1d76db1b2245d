import { SharedText } from '../message/shared-text.ts'

/** The frames between two cursors of a view. */
export class Batch extends SharedText {
  /** The offset of its last message. */
  readonly last: number
  /** The cursor of a reader that has had it. */
  readonly to: number

  constructor(text: string, messages: number, last: number, to: number) {
    super(text, messages)
    this.last = last
    this.to = to
  }

  /** Whether nothing of what lies between belongs to the view. */
  get isEmpty(): boolean {
    return this.text === ''
  }
}
