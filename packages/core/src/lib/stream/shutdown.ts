/** Something that ends when a signal is aborted: a stream. */
export interface Endable {
  shutDown(): void
}

const open = new WeakMap<AbortSignal, { members: Set<Endable>; listener: () => void }>()

/**
 * Ends `member` when `signal` is aborted, or at once where it already is. One listener on the signal serves all
 * members.
 */
export function endOnAbort(signal: AbortSignal, member: Endable): void {
  if (signal.aborted) {
    member.shutDown()
    return
  }
  const known = open.get(signal)
  if (known) {
    known.members.add(member)
    return
  }
  const members = new Set([member])
  const listener = (): void => {
    open.delete(signal)
    for (const each of members) each.shutDown()
  }
  open.set(signal, { members, listener })
  signal.addEventListener('abort', listener, { once: true })
}

/** Undoes `endOnAbort`. The listener is removed with the last member. */
export function forgetOnAbort(signal: AbortSignal, member: Endable): void {
  const known = open.get(signal)
  if (!known?.members.delete(member) || known.members.size > 0) return
  open.delete(signal)
  signal.removeEventListener('abort', known.listener)
}
