import { element } from './element.js'
import { Sparkline } from './sparkline.js'

const MEGABYTE = 1_048_576
/** The gauges. `top` is the smallest maximum of a scale. */
const DRAWN = [
  { name: 'Processor', unit: '% of a core', read: ({ cpu }) => cpu, digits: 1, top: 10 },
  { name: 'Event loop, late by', unit: 'ms at most', read: ({ delay }) => delay, digits: 1, top: 10 },
  { name: 'Memory', unit: 'MB resident', read: ({ memory }) => memory / MEGABYTE, digits: 0, top: 100 },
]

/** Adds the gauges to a list. Returns a function that shows a new measurement on them. */
export function createGauges(list) {
  const rows = DRAWN.map(({ name, unit, read, digits, top }) => {
    const value = element('strong', 'number', '–')
    const line = new Sparkline(top)
    list.append(element('div', 'gauge', element('dt', '', name), element('dd', '', value, element('span', 'unit', ` ${unit}`), line.element)))
    return (load) => {
      value.textContent = read(load).toFixed(digits)
      line.add(read(load))
    }
  })
  const streams = element('dd', '', '–')
  const machine = element('dd', '', '–')
  list.append(
    element('div', 'plain', element('dt', '', 'Open streams, all desks'), streams),
    element('div', 'plain', element('dt', '', 'Load average of the machine'), machine),
  )
  return (load) => {
    for (const show of rows) show(load)
    streams.textContent = String(load.readers)
    machine.textContent = load.machine.toFixed(2)
  }
}
