import { Desk } from './desk.js'
import { element } from './element.js'
import { createGauges } from './gauges.js'
import { showScore } from './scoreboard.js'

const FRAMEWORKS = { express: 'Express', koa: 'Koa', hono: 'Hono' }
const REASONS = {
  // Two visible windows hold all six connections, so the request waits for a free one.
  TimeoutError: 'No connection was free: does another window show this page?',
  // `fetch` rejects with this error if no server answers.
  TypeError: 'The server does not answer.',
}
const form = document.getElementById('form')
const outcome = document.getElementById('outcome')
const showLoad = createGauges(document.getElementById('gauges'))

const desks = {
  express: new Desk('express', { headline: headlineFor('express') }),
  koa: new Desk('koa', { headline: headlineFor('koa'), score: showScore }),
  hono: new Desk('hono', { headline: headlineFor('hono'), load: showLoad }),
}
for (const desk of Object.values(desks)) desk.open()

document.getElementById('date').textContent = new Date().toLocaleDateString('en-GB', { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' })

/** The headline that was sent last: its id, once the server has answered, and the time at which each id arrived. */
const sent = { id: '', at: 0, arrived: new Map() }

function headlineFor(desk) {
  return (id) => {
    // Only the last message of a snapshot has an id. For the others the client reports the id before them, which has
    // its time already.
    const arrival = `${desk} ${id}`
    if (!sent.arrived.has(arrival)) sent.arrived.set(arrival, performance.now() - sent.at)
    if (sent.id !== '' && id === sent.id) showArrival()
  }
}

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  Object.assign(sent, { id: '', at: performance.now(), arrived: new Map() })
  try {
    sent.id = await post(form.elements.text.value)
    form.reset()
    showArrival()
  } catch (error) {
    outcome.replaceChildren(`Not sent. ${REASONS[error.name] ?? error.message}`)
  }
})

document.getElementById('restart').addEventListener('click', () => fetch('/restart', { method: 'POST' }).catch(() => {}))

async function post(text) {
  const body = JSON.stringify({ text })
  const answer = await fetch('/headlines', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body, signal: AbortSignal.timeout(5_000) })
  const { id, error } = await answer.json()
  if (!answer.ok) throw new Error(error)
  return id
}

function showArrival() {
  const parts = Object.entries(FRAMEWORKS).flatMap(([desk, name], index) => {
    const took = sent.arrived.get(`${desk} ${sent.id}`)
    const words = took === undefined ? 'when it reconnects' : `${Math.max(1, Math.round(took)).toLocaleString('en-GB')} ms`
    return [index === 0 ? 'Arrived by ' : ', ', `${name} `, element('b', '', words)]
  })
  outcome.replaceChildren(...parts)
}
