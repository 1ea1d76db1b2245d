import { element, prepend, timeOfDay } from './element.js'
import { shortened, Wire } from './wire.js'

const SHOWN = 6
const LOGGED = 2
/** The words for a status of the client. */
const WORDS = {
  connecting: () => ['Connecting'],
  open: () => ['Live'],
  waiting: ({ until, reason, error }) => [`Next attempt at ${timeOfDay(until)}`, reason === 'failed' ? error.message : 'the server ended the stream'],
  paused: ({ reason }) => ['Paused', reason === 'hidden' ? 'while the page is hidden' : ''],
  closed: ({ reason, error }) => ['Closed', reason === 'failed' ? error.message : 'the server ended the stream for good'],
}

/** A column of the page: its headlines, and its event stream. */
export class Desk {
  #section
  #status = element('p', 'status')
  #numbers = element('span', 'numbers')
  #log = element('ol', 'log')
  #wire
  #away = 0
  #openedAt = 0
  /** The line in the log about the last reconnection, with the number of headlines that came late. */
  #back = { line: undefined, words: '', late: 0 }

  /**
   * @param {string} name
   * @param {Record<string, (data: any, id: string) => void>} handlers for the events of this column
   */
  constructor(name, handlers) {
    const all = {
      ...handlers,
      headline: (data, id) => this.#addHeadline(data, id, handlers.headline),
      position: () => {},
      reset: (data) => this.#reset(data),
    }
    this.#section = document.getElementById(name)
    this.#wire = new Wire(name, {
      onMessage: ({ event, data, lastEventId }) => {
        all[event]?.(data, lastEventId)
        // The position comes in an event of its own, or with the last event of the current state.
        if (lastEventId) this.#resume(lastEventId)
      },
      onReceived: () => this.#showNumbers(),
      onStatus: () => this.#showStatus(),
      onOpen: (away) => this.#opened(away),
    })
    this.#log.setAttribute('aria-live', 'polite')
    const buttons = element('p', 'buttons', this.#dropButton('Cut this connection', 1_000), this.#dropButton('Drop me for 10 s', 10_000))
    if (this.#section.dataset.slow !== undefined) buttons.append(this.#slowButton())
    this.#section.querySelector('.line').prepend(this.#status, buttons, this.#log)
  }

  open() {
    this.#wire.open()
  }

  /** @param {{ text: string, origin: string, at: number }} headline */
  #addHeadline({ text, origin, at }, id, onHeadline) {
    const late = this.#away > 0 && at < this.#openedAt && at > this.#openedAt - this.#away
    const kicker = `${timeOfDay(at)}${origin === 'form' ? ' · from the form' : ''}${late ? ` · ${Math.round((Date.now() - at) / 1_000)} s late` : ''}`
    const title = element('span', 'title', text)
    title.dir = 'auto'
    prepend(this.#headlines, element('li', origin === 'form' ? 'posted' : '', element('span', 'kicker', kicker), title), SHOWN)
    if (late) this.#cameLate()
    onHeadline(id)
  }

  get #headlines() {
    return this.#section.querySelector('.headlines')
  }

  #opened(away) {
    this.#away = away
    this.#openedAt = Date.now()
    this.#back.line = undefined
    // Without an id the server sends the whole state, even if the last connection ended in the middle of it.
    if (!this.#wire.lastEventId) this.#headlines.replaceChildren()
  }

  /** Tells that the column is connected, once it knows its position. */
  #resume(id) {
    if (this.#back.line) return
    const words = this.#away ? `Back after ${Math.round(this.#away).toLocaleString('en-GB')} ms with Last-Event-ID ${shortened(id)}: ` : 'Connected'
    this.#back = { line: this.#note(words + (this.#away ? 'no headline missed' : '')), words, late: 0 }
  }

  #cameLate() {
    const { line, words } = this.#back
    const late = ++this.#back.late
    line?.lastChild.replaceWith(` ${words}${late} missed ${late === 1 ? 'headline has' : 'headlines have'} come`)
  }

  /** Handles a reset: messages may be gone, and the server sends the current state next. */
  #reset({ reason, lastEventId }) {
    this.#headlines.replaceChildren()
    this.#back = {
      line: this.#note(`Reset (${reason}): the server has no messages after ${shortened(lastEventId)}, and sends the current state`),
      words: '',
      late: 0,
    }
    this.#away = 0
  }

  #dropButton(label, milliseconds) {
    return this.#button(label, async () => {
      if (this.#wire.status.state !== 'open') return this.#note('Nothing to cut: it has not reconnected yet')
      const done = await this.#wire.drop(milliseconds).catch(() => false)
      this.#note(done ? `Cut by the server, with retry: ${milliseconds}` : 'The server had nothing to cut')
    })
  }

  #slowButton() {
    const button = this.#button('Be a slow reader', () => {
      this.#wire.slow = !this.#wire.slow
      button.textContent = this.#wire.slow ? 'Read at full speed' : 'Be a slow reader'
      this.#note(this.#wire.slow ? 'From now on the line takes one write every 5 s' : 'The line is fast again')
      this.open()
    })
    return button
  }

  #button(label, onClick) {
    const button = element('button', '', label)
    button.type = 'button'
    button.onclick = onClick
    return button
  }

  #showStatus() {
    const { status } = this.#wire
    const [words, why] = WORDS[status.state](status)
    this.#section.dataset.state = status.state
    this.#section.style.setProperty('--away', status.state === 'waiting' ? `${status.until - Date.now()}ms` : '0ms')
    this.#status.replaceChildren(element('strong', '', words), this.#numbers, ...(why ? [element('span', 'why', why)] : []))
    this.#showNumbers()
    if (status.state === 'paused') this.#note('Closed while the page was hidden or left')
  }

  #showNumbers() {
    const { received, lastEventId } = this.#wire
    this.#numbers.replaceChildren(
      element('span', '', `${received} ${received === 1 ? 'event' : 'events'}`),
      element('code', 'position', shortened(lastEventId) || 'no id yet'),
    )
  }

  #note(text) {
    const line = element('li', '', element('time', '', timeOfDay()), ` ${text}`)
    prepend(this.#log, line, LOGGED)
    return line
  }
}
