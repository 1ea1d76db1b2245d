/** The parts of `../upstream.js`, which is plain JavaScript, that the tests use. */
export interface Upstream {
  readonly readers: number
  change(): void
  garble(): void
  drop(): void
  listen(): Promise<string>
  close(): void
}

const { Upstream } = (await import(new URL('../upstream.js', import.meta.url).href)) as { Upstream: new () => Upstream }

export function makeUpstream(): Upstream {
  return new Upstream()
}
