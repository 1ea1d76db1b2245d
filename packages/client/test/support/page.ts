import { vi } from 'vitest'

/** Stands in for a browser's window and document. */
export interface FakePage {
  window: EventTarget
  document: EventTarget & { hidden: boolean }
  /** The number of listeners that are attached. */
  readonly listeners: number
}

export function fakePage(href = 'https://example.com/page'): FakePage {
  let listeners = 0
  class Target extends EventTarget {
    hidden = false
    override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
      listeners++
      super.addEventListener(...args)
    }
    override removeEventListener(...args: Parameters<EventTarget['removeEventListener']>): void {
      listeners--
      super.removeEventListener(...args)
    }
  }
  const window = new Target()
  const document = new Target()
  vi.stubGlobal('addEventListener', window.addEventListener.bind(window))
  vi.stubGlobal('removeEventListener', window.removeEventListener.bind(window))
  vi.stubGlobal('document', document)
  vi.stubGlobal('location', new URL(href))
  return {
    window,
    document,
    get listeners() {
      return listeners
    },
  }
}
