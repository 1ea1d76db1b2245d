/** A program that uses a packed package. */
export interface Consumer {
  /** Its file in `scripts/consumers`. */
  source: string
  /** The folder of the package that it uses. */
  tidings: string
  /** What is installed beside the package: names that users install, each with a dependency of this repository. */
  beside: Record<string, string>
  options: { lib: string[]; types: string[] }
}

/** Compiler options of a program for the web. */
export const web: Consumer['options']

/** All such programs. */
export const consumers: Consumer[]
