import { type Connection, connect } from '@tidings/client'
import { encodeMessage } from '@tidings/core'

interface Goal {
  minute: number
}

// Stands in for the network.
const frame = `:\n\n${encodeMessage({ event: 'goal', data: { minute: 12 }, id: '42' })}`
const fetch = () => Promise.resolve(new Response(frame, { headers: { 'content-type': 'text/event-stream' } }))
const scores: Connection<{ goal: Goal }> = connect('https://example.com/scores', { fetch })
// @ts-expect-error: no event of that name.
scores.on('gaol', () => {})
scores.on('goal', ({ event, data, lastEventId }) => {
  const minute: number = data.minute
  console.info(`:\n\nevent: ${event}\ndata: ${JSON.stringify({ minute })}\nid: ${lastEventId}\n`)
  scores.close()
})
