import { connect } from '@tidings/client'

const [form, prompt, reload, text, state] = ['form', 'prompt', 'reload', 'text', 'state'].map((id) => document.getElementById(id))

/** Survives a reload: the id to resume after, and the state that belongs to it. As one item, they always match. */
let stored = JSON.parse(sessionStorage.getItem('run') ?? 'null')
let connection

function store(next) {
  stored = next
  sessionStorage.setItem('run', JSON.stringify(next))
}

/** Reads the run of the stored state, after the stored id. */
function listen() {
  connection?.close()
  const run = stored.state
  let lastEventId = stored.id
  // The client stores the id and the state in one call, after each chunk of messages.
  connection = connect(`/runs/${run.name}`, { store: { get: () => stored, set: store }, state: () => run })
  connection.onAny((message) => {
    lastEventId = message.lastEventId
    if (message.event === 'message') run.text += message.data.token
    // Messages are gone. The server sends all kept messages, so the text begins anew.
    if (message.event === 'reset') run.text = ''
    if (message.event === 'failed') run.failed = true
    text.textContent = run.text
  })
  connection.subscribe((status) => show(wordsFor(status, lastEventId, run)))
  text.textContent = run.text
}

function wordsFor(status, lastEventId, run) {
  if (status.state === 'open') return lastEventId ? `Resumed after ${lastEventId}` : 'From the start'
  const why = status.reason === 'failed' ? status.error.message : 'the server ended the stream'
  if (status.state === 'waiting') return `Next attempt at ${new Date(status.until).toLocaleTimeString('en-GB')}: ${why}`
  if (status.state === 'paused') return 'Paused, until the page is back'
  if (status.state === 'connecting') return 'Connecting'
  // A 204 says that there is no more. After a 404 the server has forgotten the run.
  if (status.reason === 'failed') return `Closed: ${why}`
  return run.failed ? 'The model failed; this is as far as it came' : 'The end'
}

function show(words) {
  state.textContent = words
}

form.onsubmit = async (event) => {
  event.preventDefault()
  const body = JSON.stringify({ prompt: prompt.value })
  const answer = await fetch('/runs', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  const { run, error } = await answer.json()
  if (error) return show(error)
  store({ id: '', state: { name: run, text: '', failed: false } })
  listen()
}
reload.onclick = () => location.reload()

if (stored) listen()
