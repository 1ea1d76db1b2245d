import { TidingsError } from '@tidings/core'

/** A reason for which Redis refuses a command, and what to do. */
interface Refusal {
  readonly says: RegExp
  /** Whether a retry fails until somebody changes the configuration of Redis. */
  readonly isFinal: boolean
  help(name: string, command: string): string
}

const REFUSALS: readonly Refusal[] = [
  {
    says: /^NOPERM|can't (run this command|access at least one)|no permissions|ACL failure/,
    isFinal: true,
    help: (name, command) => `give the client's user +${command.toLowerCase()}, the keys ~{${name}}:* and the channels &{${name}}:c*`,
  },
  { says: /^NOAUTH|^WRONGPASS/, isFinal: true, help: () => 'give the client the user and the password' },
  { says: /^WRONGTYPE/, isFinal: true, help: (name) => `another program uses a key {${name}}:…; delete that key, or name the log otherwise` },
  { says: /unknown command|[Uu]nknown Redis command/, isFinal: true, help: () => 'use Redis 6.2, for a cluster 7, or Valkey' },
  { says: /^OOM/, isFinal: false, help: () => 'raise maxmemory, or keep less history' },
  { says: /^READONLY/, isFinal: false, help: () => 'the client is connected to a replica; connect it to the master' },
  { says: /^MISCONF/, isFinal: false, help: () => 'Redis cannot write to its disk; free some of it' },
  { says: /^NOREPLICAS/, isFinal: false, help: () => 'too few replicas are connected (min-replicas-to-write)' },
]

/** The error for a command that Redis refuses: the words of Redis, and what to do. */
export function refusalOf(command: string, reason: string, name: string, cause?: unknown): TidingsError {
  const refusal = REFUSALS.find(({ says }) => says.test(reason.replace(/^ERR /, '')))
  const help = refusal ? `; ${refusal.help(name, command)}` : ''
  const code = refusal?.isFinal ? 'ERR_SSE_LOG_REFUSED' : 'ERR_SSE_LOG_UNAVAILABLE'
  return new TidingsError(code, `Redis refuses ${command} for the log ${JSON.stringify(name)}: ${reason}${help}`, cause === undefined ? {} : { cause })
}

/**
 * Translates an error of the client. Only refusals of Redis change; other errors stay the same.
 * @param command named in the message where the error names none
 */
export function explained(error: unknown, name: string, command = 'a command'): unknown {
  const text = String((error as Error | undefined)?.message)
  if (text.startsWith('ENDED')) return new TidingsError('ERR_SSE_CHANNEL_ENDED', 'The log has ended', { cause: error })
  const [, inScript, reason = ''] = /^REFUSED ([A-Z]+) (.*)$/s.exec(text) ?? []
  if (inScript !== undefined) return refusalOf(inScript, reason, name, error)
  if (!REFUSALS.some(({ says }) => says.test(text.replace(/^ERR /, '')))) return error
  return refusalOf(/'([\w|]+)' command/.exec(text)?.[1]?.toUpperCase() ?? command, text, name, error)
}
