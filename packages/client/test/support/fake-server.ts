/** A request that the client made. */
export interface Asked {
  url: string
  init: RequestInit
  headers: Headers
  at: number
}

/** A stream that a test holds open. */
export interface HeldStream {
  response: Response
  send(text: string | Uint8Array): void
  end(): void
  cut(): void
  /** Resolves when the client has asked for more than was sent. */
  wanted(): Promise<void>
  /** Whether the client has left. */
  readonly left: boolean
}

const encoder = new TextEncoder()
export const TYPE: Record<string, string> = { 'content-type': 'text/event-stream' }

export function holdStream(headers: Record<string, string> = TYPE): HeldStream {
  let controller!: ReadableStreamDefaultController<Uint8Array>
  let left = false
  let wanted: (() => void)[] = []
  const body = new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given
      },
      pull() {
        for (const resolve of wanted) resolve()
        wanted = []
      },
      cancel() {
        left = true
      },
    },
    { highWaterMark: 0 },
  )
  return {
    response: new Response(body, { headers }),
    send: (text) => controller.enqueue(typeof text === 'string' ? encoder.encode(text) : text),
    end: () => controller.close(),
    cut: () => controller.error(new TypeError('terminated')),
    wanted: () => new Promise((resolve) => wanted.push(resolve)),
    get left() {
      return left
    },
  }
}

type Answer = (asked: Asked) => Response | HeldStream | Promise<Response | HeldStream>

/** A `fetch` that answers by a script. The last answer stays. A request heeds its signal, as one on the network. */
export function fakeServer(...script: Answer[]): { fetch(url: string, init: RequestInit): Promise<Response>; asked: Asked[] } {
  const asked: Asked[] = []
  return {
    asked,
    async fetch(url, init) {
      const request = { url, init, headers: new Headers(init.headers), at: Date.now() }
      asked.push(request)
      const answer = script[Math.min(asked.length, script.length) - 1]
      if (!answer) throw new TypeError('fetch failed')
      const { signal } = init
      const aborted = new Promise<never>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }))
      aborted.catch(() => {})
      const given = await Promise.race([answer(request), aborted])
      return 'response' in given ? given.response : given
    },
  }
}

/** An answer that is a whole stream. */
export const whole =
  (text: string): Answer =>
  () =>
    new Response(text, { headers: TYPE })

/** An answer with a status alone. */
export const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  () =>
    new Response(null, { status: code, headers })

/** An answer that never comes. */
export const never: Answer = () => new Promise(() => {})

/** No answer, as from a server that is not reached. */
export const unreachable: Answer = () => Promise.reject(new TypeError('fetch failed'))

/** A stream that stays open, without a byte. */
export const opens: Answer = () => holdStream()
