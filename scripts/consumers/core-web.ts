// A program for Workers or Deno: it has no server of Node, and compiles without the types of Node.
import { encodeMessage } from '@tidings/core'
import { eventStreamResponse } from '@tidings/core/web'

interface Goal {
  minute: number
}

if (encodeMessage('a') !== 'data: a\n\n') throw new Error('encodeMessage')

const response = eventStreamResponse<{ goal: Goal }>(new Request('http://localhost/'), (stream) => {
  // @ts-expect-error: the data of a goal is a Goal; without the package's types this line would pass.
  const _wrong: Parameters<typeof stream.send>[0] = { event: 'goal', data: { minute: 'twelve' } }
  stream.send({ event: 'goal', data: { minute: 12 }, id: '42' })
  stream.close()
})

response.text().then((text) => console.log(text.slice(0, -1)))
