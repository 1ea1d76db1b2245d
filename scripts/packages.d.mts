/** A package of this repository. */
export interface Package {
  name: string
  /** The name of its folder in `packages/`. */
  folder: string
  /** The absolute path of that folder. */
  path: string
  manifest: { name: string; version: string; exports: Record<string, Record<string, string>>; private?: boolean }
}

/** All packages below `packages/`, private ones too. */
export function allPackages(): Package[]

/** The packages that are published. */
export function publishedPackages(): Package[]

/** The packages for a framework. They run the contract of an adapter. */
export function adapterPackages(): Package[]
