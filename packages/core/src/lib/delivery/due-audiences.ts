import type { View } from './view.ts'

/** The views whose readers are to be woken. */
export class StirredViews {
  #views: View[] = []
  /** The first message that waits for readers; `Infinity` where none does. */
  unreadFrom: number = Number.POSITIVE_INFINITY

  get isEmpty(): boolean {
    return this.#views.length === 0
  }

  /** A message for these views has come. */
  expect(views: Iterable<View>, offset: number): void {
    for (const view of views) {
      this.add(view)
      view.expect(offset)
      if (offset < this.unreadFrom) this.unreadFrom = offset
    }
  }

  add(view: View): void {
    if (!view.isStirred) this.#views.push(view)
    view.isStirred = true
  }

  /** Has each view deliver; one that says that it is not done stays. */
  deliver(deliver: (view: View) => boolean): void {
    for (const view of [...this.#views]) if (deliver(view)) view.calm()
    this.#views = this.#views.filter(({ isStirred }) => isStirred)
    if (this.isEmpty) this.unreadFrom = Number.POSITIVE_INFINITY
  }
}
