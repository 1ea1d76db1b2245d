/** The output to stderr between `captureStderr` and `giveBack`. */
export interface CapturedStderr {
  /** The arguments of each call. */
  written: unknown[][]
  giveBack: () => void
}

/** Captures all output to stderr, with and without `console`. */
export function captureStderr(): CapturedStderr {
  const { error, warn } = console
  const { write } = process.stderr
  const written: unknown[][] = []
  const take = (...words: unknown[]): true => {
    written.push(words)
    return true
  }
  console.error = take
  console.warn = take
  process.stderr.write = take
  return {
    written,
    giveBack: () => {
      Object.assign(console, { error, warn })
      process.stderr.write = write
    },
  }
}

/** Runs a test and hides its output to stderr, unless it fails. */
export async function quietly(run: () => Promise<void>): Promise<void> {
  const stderr = captureStderr()
  try {
    await run()
  } catch (error) {
    stderr.giveBack()
    for (const words of stderr.written) console.error(...words)
    throw error
  } finally {
    stderr.giveBack()
  }
}
