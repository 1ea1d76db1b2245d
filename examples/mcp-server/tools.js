import { setTimeout } from 'node:timers/promises'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { z } from 'zod'

/** Makes the server of one session, with a quick tool, a slow tool, and one that sends a message later. */
export function makeServer() {
  const server = new McpServer({ name: 'tidings-example', version: '1.0.0' }, { capabilities: { logging: {} } })

  const add = { description: 'Adds two numbers', inputSchema: { a: z.number(), b: z.number() } }
  server.registerTool('add', add, async ({ a, b }) => text(`${a + b}`))

  const countdown = {
    description: 'Counts down, and tells its progress',
    inputSchema: { from: z.number().int().min(1).max(100), interval: z.number().min(1).max(1_000).default(500).describe('Milliseconds from one to the next') },
  }
  server.registerTool('countdown', countdown, async ({ from, interval }, { _meta, sendNotification, signal }) => {
    for (let count = from; count > 0; count--) {
      await setTimeout(interval, undefined, { signal })
      const progress = { progressToken: _meta?.progressToken, progress: from - count + 1, total: from, message: `${count}` }
      if (_meta?.progressToken !== undefined) await sendNotification({ method: 'notifications/progress', params: progress })
    }
    return text('Lift-off')
  })

  const remind = {
    description: 'Sends a message later, which answers no request',
    inputSchema: { of: z.string(), after: z.number().min(0).max(60_000) },
  }
  server.registerTool('remind', remind, async ({ of, after }) => {
    setTimeout(after, undefined, { ref: false }).then(() => {
      if (server.isConnected()) server.sendLoggingMessage({ level: 'info', logger: 'remind', data: of }).catch(console.error)
    })
    return text('I will')
  })

  return server
}

/** @param {string} words */
function text(words) {
  return { content: [{ type: 'text', text: words }] }
}
