const INVALID_REQUEST = -32_600

/**
 * Answers a request before it reaches the protocol, with an HTTP status and a JSON-RPC error without an id.
 * @param {import('express').Response} res @param {number} status @param {string} message @param {number} [code]
 */
export function refuse(res, status, message, code = INVALID_REQUEST) {
  res.status(status).json({ jsonrpc: '2.0', id: null, error: { code, message } })
}
