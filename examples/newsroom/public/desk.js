import { element, prepend, timeOfDay } from './element.js'
import { Wire } from './wire.js'

const SHOWN = 6
const LOGGED = 2

/** A column: its headlines, and the line that they come over. */
export class Desk {
  #section
  #names
  #status = element('p', 'status')
  #log = element('ol', 'log')
  #wire
  /** How long the last connection was away; told together with what the server says was missed. */
  #back = 0

  /**
   * @param {string} name
   * @param {Record<string, (data: any, id: string) => void>} handlers for each event, apart from `resume`
   */
  constructor(name, handlers) {
    this.#section = document.getElementById(name)
    this.#names = ['resume', ...Object.keys(handlers)]
    this.#wire = new Wire(name, {
      onEvent: (event, data, id) => (event === 'resume' ? this.#resume(data) : handlers[event](data, id)),
      onChange: () => this.#showStatus(),
      onBack: (milliseconds) => {
        this.#back = milliseconds
      },
    })
    this.#log.setAttribute('aria-live', 'polite')
    const buttons = element('p', 'buttons', this.#cutButton('Cut this connection', 1_000), this.#cutButton('Cut for 8 s', 8_000))
    this.#section.querySelector('.line').prepend(this.#status, buttons, this.#log)
  }

  open() {
    this.#wire.open(this.#names)
  }

  pause() {
    this.#wire.pause()
    this.#note('Let go while the page was hidden')
  }

  /** @param {{ text: string, posted: boolean, at: number }} headline */
  addHeadline({ text, posted, at }) {
    const title = element('span', 'title', text)
    title.dir = 'auto'
    const item = element('li', posted ? 'posted' : '', element('span', 'kicker', `${timeOfDay(at)}${posted ? ' · from the form' : ''}`), title)
    prepend(this.#headlines, item, SHOWN)
  }

  get #headlines() {
    return this.#section.querySelector('.headlines')
  }

  #resume({ after, missed, gap }) {
    if (!after || gap) this.#headlines.replaceChildren()
    if (!this.#back) return this.#note('Connected')
    const count = `${missed} missed ${missed === 1 ? 'headline' : 'headlines'} replayed`
    const what = gap ? 'the server no longer knows that id, so all that it keeps came' : missed ? count : 'nothing missed'
    this.#note(`Back after ${Math.round(this.#back).toLocaleString('en-GB')} ms with Last-Event-ID ${after || '(none)'}: ${what}`)
    this.#back = 0
  }

  #cutButton(label, milliseconds) {
    const button = element('button', '', label)
    button.type = 'button'
    button.onclick = async () => {
      if (this.#wire.state !== 'live') return this.#note('Nothing to cut: it is not back yet')
      const done = await this.#wire.cut(milliseconds).catch(() => false)
      this.#note(done ? `Cut by the server, with retry: ${milliseconds}` : 'The server had nothing to cut')
      if (done) this.#section.style.setProperty('--away', `${milliseconds}ms`)
    }
    return button
  }

  #showStatus() {
    const { state, received, lastEventId } = this.#wire
    const words = { connecting: 'Connecting', live: 'Live', away: 'Reconnecting', paused: 'Paused' }
    this.#section.dataset.state = state
    if (state === 'live') this.#section.style.removeProperty('--away')
    this.#status.replaceChildren(
      element('strong', '', words[state]),
      element('span', '', `${received} ${received === 1 ? 'event' : 'events'}`),
      element('code', 'position', lastEventId || 'no id yet'),
    )
  }

  #note(text) {
    prepend(this.#log, element('li', '', element('time', '', timeOfDay()), ` ${text}`), LOGGED)
  }
}
