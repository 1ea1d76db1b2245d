import { describe, expect, test } from 'vitest'
import type { TidingsError } from '../src/lib/errors.ts'
import { SharedText } from '../src/lib/message/shared-text.ts'
import { branded, optionLayer } from '../src/lib/stream/option-layer.ts'
import { type ResolvedOptions, resolveOptions, type StreamOptions } from '../src/lib/stream/stream-options.ts'
import { responseHeaders } from '../src/lib/transport/response-head.ts'

function refusal(options: unknown, inherited?: ResolvedOptions): TidingsError {
  try {
    resolveOptions(options as StreamOptions, inherited)
  } catch (error) {
    return error as TidingsError
  }
  throw new Error('the options were taken')
}

const LONGEST = 2 ** 31 - 1

describe('defaults', () => {
  test('are those of the documentation', () => {
    const { onError, ...rest } = resolveOptions(undefined)
    expect(rest).toEqual({
      given: {},
      heartbeat: { interval: 15_000, frame: new SharedText(':\n\n', 0) },
      opening: ':\n\n',
      retry: 3_000,
      maxBufferedBytes: 1_048_576,
      stallTimeout: 30_000,
      maxDuration: Number.POSITIVE_INFINITY,
      revalidate: undefined,
      maxStreams: Number.POSITIVE_INFINITY,
      signal: undefined,
      headers: [],
      status: 200,
      serialize: JSON.stringify,
      strings: 'text',
      negotiate: undefined,
    })
    expect(onError).toBeTypeOf('function')
  })

  test('hold for an empty object and for options that are undefined', () => {
    const { onError: _, given, ...defaults } = resolveOptions({})
    const names: Array<keyof StreamOptions> = [
      'heartbeat',
      'retry',
      'maxBufferedBytes',
      'stallTimeout',
      'maxDuration',
      'revalidate',
      'maxStreams',
      'signal',
      'headers',
      'status',
      'padding',
      'serialize',
      'strings',
      'negotiate',
      'onError',
    ]
    expect(resolveOptions(Object.fromEntries(names.map((name) => [name, undefined])))).toMatchObject(defaults)
    expect(given).toEqual({})
  })
})

describe('a bad value is refused by name', () => {
  const notDurations = [0, -1, Number.NaN, Number.POSITIVE_INFINITY, LONGEST + 1, '15', null, true, 10n, {}]
  const notSizes = [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1', null, true, 1n, {}]
  const check = (): boolean => true
  const notHeaders: unknown[] = [
    null,
    'x-a: 1',
    1,
    [['x-a', '1']],
    new Map([['x-a', '1']]),
    new Headers(),
    { 'x a': '1' },
    { '': '1' },
    { 'x-a:': '1' },
    { 'x-ä': '1' },
    { 'x-a': 1 },
    { 'x-a': null },
    { 'x-a': undefined },
    { 'x-a': ['1', 2] },
    { 'x-a': '1\r\nx-b: 2' },
    { 'x-a': 'a\0b' },
    { 'x-a': '\u20ac' },
    { 'x-a': ['1', '2\n'] },
  ]
  const bad: Array<[name: keyof StreamOptions, values: unknown[]]> = [
    ['heartbeat', [...notDurations.filter((value) => typeof value !== 'object'), null, true, 'false']],
    ['heartbeat', [{}, [], { interval: 10 }, { event: 'ping' }, { interval: 10, event: 5 }, { interval: 10, event: 'a\nb' }, { interval: 0, event: 'ping' }]],
    ['heartbeat', [{ interval: 10, event: 'ping', data: 'x' }]],
    ['retry', ['1\ndata: x', '1', Number.NaN, 1.5, -1, 1e21, null, true, 1n]],
    ['maxBufferedBytes', notSizes],
    ['stallTimeout', notDurations],
    ['maxDuration', notDurations],
    ['revalidate', [null, 5, [], check, { every: 1_000 }, { check }, { every: 0, check }, { every: 1_000, check: 5 }]],
    ['revalidate', [-1, '5', null, Number.NaN].map((failClosed) => ({ every: 1_000, check, failClosed }))],
    ['revalidate', [{ every: 1_000, check, failclosed: 5 }]],
    ['maxStreams', [-1, 1.5, Number.NaN, 2 ** 53, '1', null, true, 1n, {}]],
    ['signal', [null, true, {}, 'SIGTERM', new AbortController(), () => {}]],
    ['headers', notHeaders],
    ['headers', ['Content-Type', 'content-type', 'Connection', 'Keep-Alive', 'Transfer-Encoding', 'Content-Length'].map((name) => ({ [name]: '1' }))],
    ['status', [100, 199, 204, 205, 300, 404, 200.5, Number.NaN, '200', null]],
    ['padding', [...notSizes, 1_048_577]],
    ['serialize', [null, 'json', {}]],
    ['strings', [null, true, 'JSON', JSON]],
    ['negotiate', [null, 0, 'no']],
    ['onError', [null, 'log', {}]],
  ]
  const each = bad.flatMap(([name, values]) => values.map((value) => [name, value] as const))

  test.each(each)('%s: %o', (name, value) => {
    const error = refusal({ [name]: value })
    expect(error).toMatchObject({ name: 'TidingsError', code: 'ERR_SSE_INVALID_OPTION' })
    expect(error.message).toMatch(new RegExp(`^${name}\\b`))
  })

  test.each([null, true, 0, '15'])('heartbeat: %o, and the error names all valid values', (heartbeat) => {
    expect(refusal({ heartbeat }).message).toBe(
      `heartbeat must be a number of milliseconds above 0 and at most ${LONGEST}, false, or { interval, event }, got ${JSON.stringify(heartbeat)}`,
    )
  })

  test.each(each)('%s: %o, even over a layer with a good value', (name, value) => {
    const inherited = resolveOptions({ heartbeat: 10, retry: 10, maxDuration: 10, headers: {}, status: 200, negotiate: true })
    expect(refusal({ [name]: value }, inherited)).toMatchObject({ code: 'ERR_SSE_INVALID_OPTION' })
  })

  test.each(['heartBeat', 'interval', 'keepAlive', 'constructor', '__proto__x', ''])('refuses the unknown name %j, and lists the known ones', (name) => {
    const error = refusal({ [name]: 1 })
    expect(error).toMatchObject({ code: 'ERR_SSE_INVALID_OPTION' })
    expect(error.message).toContain(`"${name}" is not an option of a stream; there are heartbeat, retry, maxBufferedBytes`)
  })

  test.each([null, 5, 'heartbeat', true, () => {}])('refuses options that are %o', (options) => {
    expect(refusal(options)).toMatchObject({ code: 'ERR_SSE_INVALID_OPTION', message: expect.stringContaining('the options of a stream must be an object') })
  })

  test('says which header and which value', () => {
    expect(refusal({ headers: { 'Content-Length': '1' } }).message).toContain('must not name Content-Length')
    expect(refusal({ headers: { 'x-a': 5 } }).message).toContain('headers has 5 for x-a')
    expect(refusal({ headers: new Headers() }).message).toContain('Object.fromEntries(headers)')
    expect(refusal({ status: 204 }).message).toContain('got 204')
  })
})

describe('good values', () => {
  test.each<[StreamOptions, Partial<ResolvedOptions>]>([
    [{ heartbeat: 1 }, { heartbeat: { interval: 1, frame: new SharedText(':\n\n', 0) } }],
    [{ heartbeat: LONGEST }, { heartbeat: { interval: LONGEST, frame: new SharedText(':\n\n', 0) } }],
    [{ heartbeat: false }, { heartbeat: undefined }],
    [{ heartbeat: { interval: 10, event: 'ping' } }, { heartbeat: { interval: 10, frame: new SharedText('event: ping\ndata: \n\n', 0) } }],
    [{ retry: 0 }, { retry: 0, opening: 'retry: 0\n\n' }],
    [
      { retry: 500, padding: 10 },
      { retry: 500, opening: `:${' '.repeat(7)}\n\nretry: 500\n\n` },
    ],
    [{ maxBufferedBytes: 0 }, { maxBufferedBytes: 0 }],
    [{ maxDuration: 1 }, { maxDuration: 1 }],
    [{ status: 299 }, { status: 299 }],
    [{ status: 203 }, { status: 203 }],
    [{ negotiate: false }, { negotiate: false }],
    [
      { headers: { 'x-a': '1', 'Set-Cookie': ['a=1', 'b=2'], 'x-tab': 'a\tb\xe4' } },
      { headers: Object.entries({ 'x-a': '1', 'Set-Cookie': ['a=1', 'b=2'], 'x-tab': 'a\tb\xe4' }) },
    ],
  ])('%j are taken as they are', (options, resolved) => {
    expect(resolveOptions(options)).toMatchObject(resolved)
  })

  test.each([3, 4, 5, 100, 2_048, 1_048_576])('padding: %d is the opening comment’s length in bytes', (padding) => {
    const { opening } = resolveOptions({ padding })
    expect(opening).toHaveLength(padding)
    expect(opening).toMatch(/^: *\n\n$/)
  })

  test.each([0, 1, 2])('padding: %d still leaves a first byte', (padding) => {
    expect(resolveOptions({ padding }).opening).toBe(':\n\n')
  })

  test('headers are copied, so that a later change does not pass unchecked', () => {
    const headers = { 'x-a': ['1'] }
    const resolved = resolveOptions({ headers })
    headers['x-a'].push('2\r\n')
    expect(resolved.headers).toEqual([['x-a', ['1']]])
  })

  test('H1 headers come after our own, so they win', () => {
    expect(responseHeaders(resolveOptions({}))).toEqual([
      ['Content-Type', 'text/event-stream'],
      ['Cache-Control', 'no-cache, no-transform'],
      ['X-Accel-Buffering', 'no'],
      ['Incremental', '?1'],
    ])
    expect(responseHeaders(resolveOptions({ headers: { 'cache-control': 'no-store' } })).slice(4)).toEqual([['cache-control', 'no-store']])
  })
})

describe('layers', () => {
  const app = resolveOptions({ heartbeat: 1_000, retry: 2_000, status: 201, headers: { 'x-app': '1' }, negotiate: false })

  test('the nearest value of each option wins', () => {
    const route = resolveOptions({ heartbeat: 50, stallTimeout: 7_000 }, app)
    const call = resolveOptions({ retry: 5, headers: { 'x-call': '1' } }, route)
    expect(call).toMatchObject({
      given: { heartbeat: 50, retry: 5, status: 201, stallTimeout: 7_000, headers: { 'x-call': '1' }, negotiate: false },
      heartbeat: { interval: 50 },
      opening: 'retry: 5\n\n',
      retry: 5,
      status: 201,
      stallTimeout: 7_000,
      headers: [['x-call', '1']],
      negotiate: false,
      maxBufferedBytes: 1_048_576,
    })
  })

  test('undefined overrides nothing', () => {
    const route = resolveOptions({ heartbeat: undefined, retry: undefined, status: undefined, headers: undefined, negotiate: undefined }, app)
    expect(route).toEqual(app)
  })

  test('false, zero and empty do', () => {
    expect(resolveOptions({ heartbeat: false, retry: 0, headers: {}, negotiate: true }, app)).toMatchObject({
      heartbeat: undefined,
      retry: 0,
      headers: [],
      negotiate: true,
    })
  })

  test('a layer without options equals the outer layer', () => {
    expect(resolveOptions(undefined, app)).toBe(app)
  })

  test('the outer layer does not change', () => {
    resolveOptions({ heartbeat: 50 }, app)
    expect(app.heartbeat).toEqual({ interval: 1_000, frame: new SharedText(':\n\n', 0) })
    expect(app.given).toMatchObject({ heartbeat: 1_000 })
  })
})

describe('the layers of a framework', () => {
  test('are checked when the middleware is made', () => {
    expect(() => optionLayer({ heartbeat: -1 })).toThrow(expect.objectContaining({ code: 'ERR_SSE_INVALID_OPTION' }))
  })

  test('stack over a helper that is branded, also by another copy of the package', () => {
    const app = optionLayer({ heartbeat: 1_000, retry: 2_000 })(undefined)
    const route = optionLayer({ heartbeat: 50 })
    const expected = { heartbeat: { interval: 50 }, retry: 2_000 }
    expect(route(branded(() => {}, app))).toMatchObject(expected)
    expect(route(Object.assign(() => {}, { [Symbol.for('tidings.options')]: app }))).toMatchObject(expected)
    expect(route(branded(() => {}, app))).toBe(route(branded(() => {}, app)))
    expect(route(branded(() => {}, optionLayer({ retry: 7 })(undefined)))).toMatchObject({ heartbeat: { interval: 50 }, retry: 7 })
  })

  test('say what to write if the middleware was mounted without a call', () => {
    class IncomingMessage {
      url = '/'
    }
    const hint = 'sse takes options, got an instance of IncomingMessage; to mount it, write app.use(sse())'
    expect(() => optionLayer(new IncomingMessage() as never)).toThrow(expect.objectContaining({ code: 'ERR_SSE_INVALID_OPTION', message: hint }))
    expect(() => optionLayer({ url: '/' } as never)).toThrow(/"url" is not an option of a stream; there are/)
    expect(() => optionLayer(null as never)).toThrow('the options of a stream must be an object, got null')
    class Mine {
      retry = 7
    }
    expect(optionLayer(new Mine())(undefined).retry).toBe(7)
  })

  test('H9 refuse a helper of another library', () => {
    for (const foreign of [() => {}, {}, 'sse', 0]) {
      expect(() => optionLayer()(foreign)).toThrow(expect.objectContaining({ code: 'ERR_SSE_NAME_TAKEN' }))
    }
  })
})
