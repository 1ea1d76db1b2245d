/** A package of this repository. */
export interface Package {
  name: string
  /** The name of its folder in `packages/`. */
  folder: string
  /** Where that is. */
  path: string
  manifest: { name: string; version: string; exports: Record<string, Record<string, string>>; private?: boolean }
}

/** All packages below `packages/`, private ones too. */
export function allPackages(): Package[]

/** The packages that are published: those that are not private. */
export function publishedPackages(): Package[]

/** The packages for a framework: those that run the contract of an adapter. */
export function adapterPackages(): Package[]
