// Stands in for a browser's page. React asks for it when it is imported, so import this first. The `fetch` and the
// timers of Node stay as they are.
import { parseHTML } from 'linkedom'

const { window } = parseHTML('<!doctype html><html><body></body></html>')
Object.assign(window, { location: new URL('https://example.com') })
const { document, navigator, Element, SVGElement } = window
for (const [name, value] of Object.entries({ window, document, navigator, Element, SVGElement }))
  Object.defineProperty(globalThis, name, { value, configurable: true })

// linkedom throws the error of a listener out of `dispatchEvent`. A browser reports it to the window, and React 18
// relies on that.
const { dispatchEvent } = window.EventTarget.prototype
window.EventTarget.prototype.dispatchEvent = function (event) {
  try {
    return dispatchEvent.call(this, event)
  } catch (error) {
    window.dispatchEvent(Object.assign(new window.Event('error'), { error }))
    return true
  }
}
