/** Where the page comes from that the apps let in. */
export const PAGE = 'http://localhost:5173'

/** A user at a page of another origin, with cookies, and with a token if an app gave one. */
export class Visitor {
  readonly #origin: string
  readonly #cookies = new Map<string, string>()
  #token = ''

  constructor(origin: string) {
    this.#origin = origin
  }

  /** `fetch`, as the page calls it. `EventSource` is given it too. */
  readonly fetch = async (path: string | URL, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers)
    headers.set('origin', PAGE)
    if (this.#cookies.size > 0) headers.set('cookie', [...this.#cookies].map((pair) => pair.join('=')).join('; '))
    if (this.#token) headers.set('authorization', `Bearer ${this.#token}`)
    const response = await fetch(new URL(path, this.#origin), { ...init, headers })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      this.#cookies.set(name, value)
    }
    return response
  }

  post(path: string, body: unknown): Promise<Response> {
    return this.fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  }

  async logIn(password: string): Promise<number> {
    const response = await this.post('/login', { name: 'ada', password })
    if (response.headers.get('content-type')?.startsWith('application/json')) this.#token = ((await response.json()) as { token: string }).token
    return response.status
  }
}
