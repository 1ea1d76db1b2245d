/** A package that is published. */
export interface PublishedPackage {
  name: string
  /** The name of its folder in `packages/`. */
  folder: string
  /** Where that is. */
  path: string
  manifest: { name: string; version: string; exports: Record<string, Record<string, string>> }
}

/** The folders of `packages/` that are not private. */
export function publishedPackages(): PublishedPackage[]
