const SHOWN = 12
const PAUSE = 1_000

const counts = { received: 0, skipped: 0, repeated: 0, resets: 0, connections: 0 }
const scores = document.getElementById('scores')
/** The number of the last score, and the id that it came with. */
let last = { number: 0, id: '' }

function listen() {
  // An EventSource that reconnects sends its id in a header. A new one sends it in the query.
  const source = new EventSource(`/scores?lastEventId=${encodeURIComponent(last.id)}`)
  source.addEventListener('machine', ({ data }) => {
    const { name, pid } = JSON.parse(data)
    count('connections')
    show('machine', name)
    show('state', `Served by ${name}, process ${pid}`)
  })
  source.addEventListener('score', ({ data, lastEventId }) => add(JSON.parse(data), lastEventId))
  source.addEventListener('reset', ({ data, lastEventId }) => {
    count('resets')
    show('state', `Scores are missing (${JSON.parse(data).reason})`)
    last = { number: 0, id: lastEventId }
  })
  source.onerror = () => {
    show('machine', '-')
    show('state', 'Reconnecting')
    // It gives up at an answer that is no event stream, such as nginx's 502 while both machines are gone.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, PAUSE)
  }
}

function add({ number, match, minute }, id) {
  count('received')
  if (last.number > 0 && number > last.number) count('skipped', number - last.number - 1)
  if (last.number > 0 && number <= last.number) count('repeated')
  last = { number, id }
  const line = document.createElement('li')
  line.textContent = `${number}  ${match}, minute ${minute}`
  scores.prepend(line)
  if (scores.children.length > SHOWN) scores.lastChild.remove()
}

function count(name, more = 1) {
  counts[name] += more
  show(name, counts[name])
}

function show(id, text) {
  document.getElementById(id).textContent = text
}

for (const button of document.querySelectorAll('button')) {
  // A killed machine does not answer.
  button.onclick = () => fetch(button.dataset.path, { method: 'POST' }).catch(() => {})
}
listen()
