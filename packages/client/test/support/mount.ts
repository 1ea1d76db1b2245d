import './dom.ts'
import type { ReactNode } from 'react'
import { createRoot, hydrateRoot, type Root } from 'react-dom/client'
import { onTestFinished } from 'vitest'

/** A tree that React has rendered into the page. */
export interface Mounted {
  readonly text: string
  /** The errors that no boundary has caught, and those of hydration. */
  readonly errors: unknown[]
  render(node: ReactNode): Promise<void>
  unmount(): Promise<void>
}

/** Lets React do the work that it has scheduled, effects included. Its scheduler uses `setImmediate`. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Renders into the page. With `html`, hydrates what the server has rendered. */
export async function mount(node: ReactNode, html?: string): Promise<Mounted> {
  const container = document.createElement('div')
  document.body.append(container)
  const errors: unknown[] = []
  const options = { onRecoverableError: (error: unknown) => errors.push(error), onUncaughtError: (error: unknown) => errors.push(error) }
  let root: Root
  if (html === undefined) {
    root = createRoot(container, options)
    root.render(node)
  } else {
    container.innerHTML = html
    root = hydrateRoot(container, node, options)
  }
  let mounted = true
  const unmount = async (): Promise<void> => {
    if (mounted) root.unmount()
    mounted = false
    await settled()
  }
  onTestFinished(unmount)
  await settled()
  return {
    get text() {
      return container.textContent ?? ''
    },
    errors,
    async render(node) {
      root.render(node)
      await settled()
    },
    unmount,
  }
}
