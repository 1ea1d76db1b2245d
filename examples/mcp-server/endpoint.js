// Streamable HTTP: one address that takes POST, GET and DELETE.
// https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http
import { isInitializeRequest, JSONRPCMessageSchema, SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/sdk/types.js'
import { sse } from '@tidings/express'
import express from 'express'
import { refuse } from './refusal.js'
import { Session } from './session.js'

const MOST_SESSIONS = Number(process.env.MOST_SESSIONS ?? 100)
const METHODS = ['GET', 'POST', 'DELETE']
const LOCAL = ['localhost', '127.0.0.1', '[::1]']
const PARSE_ERROR = -32_700

/**
 * @param {() => import('@modelcontextprotocol/sdk/server/mcp.js').McpServer} makeServer makes a session's server
 * @param {{ signal: AbortSignal, retry?: number }} options `signal` ends all sessions. `retry` is the reconnection
 * time in milliseconds
 */
export function mcpEndpoint(makeServer, { signal, retry = 1_000 }) {
  /** By id. The session that was used last stands at the end. @type {Map<string, Session>} */
  const sessions = new Map()
  signal.addEventListener('abort', () => {
    for (const session of [...sessions.values()]) session.close()
  })

  async function begin() {
    const session = new Session()
    session.onclose = () => sessions.delete(session.sessionId)
    await makeServer().connect(session)
    sessions.set(session.sessionId, session)
    const [oldest] = sessions.values()
    if (sessions.size > MOST_SESSIONS) await oldest.close()
    return session
  }

  /** Finds the session that a request names, or begins the one that it asks for. */
  async function inSession(req, res, next) {
    const id = req.get('mcp-session-id')
    const version = req.get('mcp-protocol-version')
    if (version !== undefined && !SUPPORTED_PROTOCOL_VERSIONS.includes(version)) return refuse(res, 400, `MCP-Protocol-Version ${version} is not supported`)
    const session = isInitializeRequest(req.body) ? await begin() : sessions.get(id)
    if (!session) return id ? refuse(res, 404, 'This session is not known, or over: initialize another') : refuse(res, 400, 'Mcp-Session-Id is missing')
    sessions.delete(session.sessionId)
    sessions.set(session.sessionId, session)
    res.locals.session = session
    next()
  }

  const router = express.Router()
  router.use(sse({ retry, signal }), refuseMethods, refuseOrigins, refuseTypes)
  router.post('/', express.json({ limit: '1mb' }), readMessage, inSession, (req, res) => res.locals.session.take(req.body, req, res))
  router.get('/', inSession, (req, res) => res.locals.session.open(req, res))
  router.delete('/', inSession, async (_req, res) => {
    await res.locals.session.close()
    res.status(204).end()
  })
  router.use(refuseErrors)
  return router
}

/** HEAD is one of them; Express would take it for a GET. */
function refuseMethods(req, res, next) {
  if (METHODS.includes(req.method)) next()
  else refuse(res.set('Allow', METHODS.join(', ')), 405, 'POST, GET and DELETE are understood')
}

/**
 * Stops DNS rebinding: a page can reach the server if its host name resolves to this machine, but its request has that
 * host name.
 */
function refuseOrigins(req, res, next) {
  const host = `http://${req.get('host')}`
  if ([host, req.get('origin') ?? host].every(isLocal)) next()
  else refuse(res, 403, 'Only pages and programs of this machine are served')
}

function isLocal(address) {
  return URL.canParse(address) && LOCAL.includes(new URL(address).hostname)
}

function refuseTypes(req, res, next) {
  const types = { POST: ['application/json', 'text/event-stream'], GET: ['text/event-stream'], DELETE: [] }[req.method]
  if (types.every((type) => req.accepts(type))) next()
  else refuse(res, 406, `Accept has to allow ${types.join(' and ')}`)
}

function readMessage(req, res, next) {
  if (!req.is('application/json')) return refuse(res, 415, 'Messages are application/json')
  const { success, data } = JSONRPCMessageSchema.safeParse(req.body)
  if (!success) return refuse(res, 400, 'The body is not one JSON-RPC message')
  req.body = data
  next()
}

function refuseErrors(error, _req, res, next) {
  if (res.headersSent || error.status === undefined) next(error)
  else refuse(res, error.status, error.message, error.type === 'entity.parse.failed' ? PARSE_ERROR : undefined)
}
