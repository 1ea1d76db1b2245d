/** A program that uses a packed package. */
export interface Consumer {
  /** Its file in `scripts/consumers`. */
  source: string
  /** The folder of the package that it uses. */
  tidings: string
  /** The packages that a user installs beside it, each with the dependency here that has its version. */
  beside: Record<string, string>
  options: { lib: string[]; types: string[] }
}

/** Compiler options of a program for the web. */
export const web: Consumer['options']

/** All programs. */
export const consumers: Consumer[]
