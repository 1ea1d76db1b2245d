import { EventSource } from 'eventsource'
import type { Program } from './program.ts'

/** Runs the script of a page, with these names beside `EventSource` and `fetch`. */
export function runPage(html: string, program: Program, names: Readonly<Record<string, unknown>>): Disposable {
  const sources: EventSource[] = []
  class Source extends EventSource {
    constructor(path: string) {
      super(new URL(path, program.origin))
      sources.push(this)
    }
  }
  const script = /<script>([\s\S]+)<\/script>/.exec(html)?.[1] ?? ''
  const given = { EventSource: Source, fetch: (path: string, init?: RequestInit) => fetch(new URL(path, program.origin), init), ...names }
  new Function(...Object.keys(given), script)(...Object.values(given))
  return {
    [Symbol.dispose]() {
      for (const source of sources) source.close()
    },
  }
}
