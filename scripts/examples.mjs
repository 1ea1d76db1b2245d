// The first request to each example, and the text that its answer must contain. Examples run outside this repository.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

// The time until an example is killed, in milliseconds.
const LONGEST = 20_000
const JSON_BODY = { 'content-type': 'application/json' }
const INITIALIZE = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'reader', version: '1' } },
}

/** @type {Record<string, (url: string) => Promise<[request: Promise<Response>, wanted: string]>>} */
export const FIRST_READS = {
  'existing-app': async (url) => {
    const login = { method: 'POST', headers: JSON_BODY, body: '{"name":"ada","password":"enchantress"}' }
    const { headers } = await fetch(`${url}/login`, login)
    return [fetch(`${url}/news`, { headers: { cookie: headers.get('set-cookie')?.split(';')[0] ?? '' } }), 'event: welcome']
  },
  hypermedia: async (url) => [fetch(`${url}/events/turbo`), 'data: '],
  'llm-tokens': async (url) => {
    const body = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'hello' }] })
    return [fetch(`${url}/v1/chat/completions`, { method: 'POST', headers: JSON_BODY, body }), 'data: {']
  },
  'mcp-server': async (url) => {
    const headers = { ...JSON_BODY, accept: 'application/json, text/event-stream' }
    return [fetch(url, { method: 'POST', headers, body: JSON.stringify(INITIALIZE) }), '"protocolVersion"']
  },
  newsroom: async (url) => [fetch(`${url}/express/events`), 'event: '],
  observability: async (url) => [fetch(new URL('/metrics', url)), 'tidings_streams_open'],
  relay: async (url) => [fetch(url), 'data: '],
  'two-machines': async (url) => [fetch(`${url}/scores`), 'event: machine'],
  'resumable-run': async (url) => {
    const { run } = await (await fetch(`${url}/runs`, { method: 'POST', headers: JSON_BODY, body: '{"prompt":"hello"}' })).json()
    return [fetch(`${url}/runs/${run}`), 'data: {']
  },
}

/**
 * The package.json of an example outside this repository. It has only the dependencies that the example runs with, and
 * our packages as tarballs.
 *
 * @param {(name: string) => string} tarball the path of a packed package
 */
export function standalone({ name, type, dependencies }, tarball) {
  const own = (version) => version.startsWith('workspace:')
  const versions = Object.entries(dependencies).map(([each, version]) => [each, own(version) ? `file:${tarball(each)}` : version])
  return { name, private: true, type, dependencies: Object.fromEntries(versions) }
}

/** Starts the example that is installed in `folder`, reads its first event, and ends it. */
export async function readFirst(name, folder) {
  const [program] = ['server.js', 'start.js'].filter((file) => existsSync(join(folder, file)))
  const child = spawn(process.execPath, [program], { cwd: folder, env: { ...process.env, PORT: '0' }, stdio: ['ignore', 'pipe', 'pipe'] })
  const patience = setTimeout(() => child.kill('SIGKILL'), LONGEST)
  try {
    const url = await addressTold(child)
    const [request, wanted] = await FIRST_READS[name](url)
    await readUntil(await request, wanted)
  } finally {
    const gone = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined
    // Some examples have started other processes, so each gets time to end cleanly.
    child.kill('SIGTERM')
    await gone
    clearTimeout(patience)
  }
}

/** Resolves with the first address that the child prints. */
function addressTold(child) {
  return new Promise((resolve, reject) => {
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text
        const address = /http:\/\/localhost:\d+\S*/.exec(output)?.[0]
        if (address) resolve(address)
      })
    }
    child.once('exit', (code, signal) => reject(new Error(`ended with ${signal ?? code}\n${output}`)))
  })
}

async function readUntil(response, wanted) {
  let text = ''
  const decoder = new TextDecoder()
  try {
    for await (const bytes of response.body) {
      text += decoder.decode(bytes, { stream: true })
      if (text.includes(wanted)) return
    }
  } catch {
    // The example took too long and was killed.
  }
  throw new Error(`${response.status}, and no ${JSON.stringify(wanted)} in ${JSON.stringify(text)}`)
}
