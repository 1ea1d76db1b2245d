// The endpoint with the tools that the conformance scenarios call, as their descriptions say.
import { setTimeout } from 'node:timers/promises'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import express from 'express'
import { z } from 'zod'
import { mcpEndpoint } from '../endpoint.js'

function makeServer() {
  const server = new McpServer({ name: 'conformance', version: '1.0.0' }, { capabilities: { logging: {} } })
  const tool = (name, run, inputSchema = {}) =>
    server.registerTool(name, { description: name, inputSchema }, async (input, extra) => ({ content: [{ type: 'text', text: await run(input, extra) }] }))

  tool('test_simple_text', () => 'This is a simple text response for testing.')
  tool('test_error_handling', () => {
    throw new Error('This tool intentionally returns an error for testing')
  })
  tool('test_tool_with_logging', async (_input, { sendNotification }) => {
    for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await sendNotification({ method: 'notifications/message', params: { level: 'info', data } })
      await setTimeout(50)
    }
    return 'Logged'
  })
  tool('test_tool_with_progress', async (_input, { _meta, sendNotification }) => {
    for (const progress of [0, 50, 100]) {
      await sendNotification({ method: 'notifications/progress', params: { progressToken: _meta?.progressToken, progress, total: 100 } })
      await setTimeout(50)
    }
    return 'Progressed'
  })
  tool('test_reconnection', async (_input, { closeSSEStream }) => {
    closeSSEStream()
    await setTimeout(100)
    return 'Said while the client was away'
  })
  const prompt = { prompt: z.string() }
  tool(
    'test_sampling',
    async ({ prompt: asked }) => {
      const { content } = await server.server.createMessage({ messages: [{ role: 'user', content: { type: 'text', text: asked } }], maxTokens: 100 })
      return `LLM response: ${content.text}`
    },
    prompt,
  )
  const message = { message: z.string() }
  tool(
    'test_elicitation',
    async ({ message: asked }, { sendRequest }) => {
      const properties = { username: { type: 'string' }, email: { type: 'string' } }
      const params = { message: asked, requestedSchema: { type: 'object', properties, required: ['username', 'email'] } }
      return `User response: ${JSON.stringify(await sendRequest({ method: 'elicitation/create', params }, z.looseObject({})))}`
    },
    message,
  )
  return server
}

const shutdown = new AbortController()
const app = express()
app.use('/mcp', mcpEndpoint(makeServer, { signal: shutdown.signal, retry: 500 }))
const server = app.listen(Number(process.env.PORT), '127.0.0.1')
server.once('listening', () => console.log(`http://localhost:${server.address().port}/mcp`))
process.once('SIGINT', () => {
  shutdown.abort()
  server.close()
  server.closeAllConnections()
})
