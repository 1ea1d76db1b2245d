/** What is written to stderr from now on, until it is given back. */
export interface CapturedStderr {
  /** The arguments of each call. */
  written: unknown[][]
  giveBack: () => void
}

/** Takes what would go to stderr, by `console` or without it. */
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

/** Runs a test so that what it makes platforms write is read where it fails, and nowhere else. */
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
