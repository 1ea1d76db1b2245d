const [form, prompt, reload, text, state] = ['form', 'prompt', 'reload', 'text', 'state'].map((id) => document.getElementById(id))

/** Survives a reload: the run, its text so far, and the id to resume after. As one item, they always match. */
let kept = JSON.parse(sessionStorage.getItem('run') ?? 'null')
let source

function keep(change) {
  kept = { ...kept, ...change }
  sessionStorage.setItem('run', JSON.stringify(kept))
  text.textContent = kept.text
}

function listen() {
  source?.close()
  // An EventSource that reconnects sends its id in a header. A new one, as after a reload, sends it in the query.
  source = new EventSource(`/runs/${kept.run}?lastEventId=${encodeURIComponent(kept.id)}`)
  const how = kept.id ? `Resumed after ${kept.id}` : 'From the start'
  source.onopen = () => show(how)
  source.onmessage = ({ data, lastEventId }) => keep({ text: kept.text + JSON.parse(data).token, id: lastEventId })
  // Messages are gone. The server sends all kept messages, so the text begins anew.
  source.addEventListener('reset', ({ lastEventId }) => keep({ text: '', id: lastEventId }))
  source.addEventListener('failed', () => show('The model failed; this is as far as it came'))
  source.onerror = () => {
    // 204 and 404 stop it: the run has ended, or the server has forgotten it. Other failures are tried again.
    show(source.readyState === EventSource.CLOSED ? 'The end' : 'Reconnecting')
  }
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
  keep({ run, text: '', id: '' })
  listen()
}
reload.onclick = () => location.reload()

if (kept) {
  keep({})
  listen()
}
