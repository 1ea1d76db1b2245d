import { connect } from '@tidings/client'
import { useEventStream, useEvents } from '@tidings/client/react'
import { createElement } from 'react'
import { renderToString } from 'react-dom/server'

interface Scores {
  goal: { minute: number }
}

// A server renders what there is before the stream.
function Goals() {
  const { state } = useEventStream<Scores>('/scores', { events: { goal: ({ data }) => data.minute } })
  // @ts-expect-error: no event of that name.
  useEventStream<Scores>('/scores', { events: { gaol: () => {} } })
  const minutes = useEvents(
    'goals',
    () => connect<Scores>('/scores'),
    (all, message) => (message.event === 'goal' ? [...all, message.data.minute] : all),
    [12],
  )
  return createElement('p', null, `${state} ${minutes.join()}`)
}

const rendered = renderToString(createElement(Goals))
if (rendered === '<p>paused 12</p>') console.info(':\n\nevent: goal\ndata: {"minute":12}\nid: 42\n')
else console.error(rendered)
