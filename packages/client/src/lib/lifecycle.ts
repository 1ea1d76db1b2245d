/** What the page's life asks of a connection. */
export interface LifecycleCallbacks {
  pause(reason: 'frozen' | 'hidden'): void
  resume(reason: 'frozen' | 'hidden'): void
  /** The computer is online again. */
  online(): void
}

/**
 * Watches the page: left or frozen, back again, hidden for `hiddenFor` milliseconds, online. Does nothing where there
 * is no page. Returns the function that stops it.
 */
export function watchLifecycle({ pause, resume, online }: LifecycleCallbacks, hiddenFor?: number): () => void {
  const removals: (() => void)[] = []
  const listen = (target: Partial<EventTarget> | undefined, type: string, callback: (event: Event) => void): void => {
    target?.addEventListener?.(type, callback)
    removals.push(() => target?.removeEventListener?.(type, callback))
  }
  const page = globalThis.document as Document | undefined
  const freeze = () => pause('frozen')
  const thaw = () => resume('frozen')
  listen(globalThis, 'online', online)
  listen(globalThis, 'pagehide', freeze)
  listen(globalThis, 'pageshow', thaw)
  listen(page, 'freeze', freeze)
  listen(page, 'resume', thaw)
  if (hiddenFor) {
    let timer: ReturnType<typeof setTimeout> | undefined
    const look = () => {
      clearTimeout(timer)
      if (page?.hidden) timer = setTimeout(pause, hiddenFor, 'hidden')
      else resume('hidden')
    }
    listen(page, 'visibilitychange', look)
    removals.push(() => clearTimeout(timer))
    look()
  }
  return () => {
    for (const remove of removals) remove()
  }
}
