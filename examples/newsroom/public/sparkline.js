const SVG = 'http://www.w3.org/2000/svg'
const SPAN = 30_000
// If two samples are further apart, the connection was away, and the line shows a gap.
const GAP = 2_500
const WIDTH = 240
const HEIGHT = 40

/** Draws the last half minute of a number as a line over a faint area. */
export class Sparkline {
  element = shape('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true', class: 'spark' })
  #top
  #area = shape('path', { class: 'area' })
  #line = shape('path', { class: 'trace' })
  #samples = []

  /** @param {number} top the smallest maximum of the scale */
  constructor(top) {
    this.#top = top
    this.element.append(this.#area, this.#line)
  }

  add(value, at = performance.now()) {
    this.#samples.push({ value, at })
    this.#samples = this.#samples.filter((sample) => at - sample.at <= SPAN)
    const top = Math.max(this.#top, ...this.#samples.map((sample) => sample.value)) * 1.08
    const runs = runsOf(this.#samples).map((run) => run.map((sample) => [WIDTH - ((at - sample.at) / SPAN) * WIDTH, HEIGHT - (sample.value / top) * HEIGHT]))
    this.#line.setAttribute('d', runs.map(lineThrough).join(''))
    this.#area.setAttribute('d', runs.map((run) => `${lineThrough(run)}L${run.at(-1)[0]},${HEIGHT}L${run[0][0]},${HEIGHT}Z`).join(''))
  }
}

function runsOf(samples) {
  const runs = []
  for (const sample of samples) {
    const run = runs.at(-1)
    if (run && sample.at - run.at(-1).at < GAP) run.push(sample)
    else runs.push([sample])
  }
  return runs
}

function lineThrough(points) {
  return `M${points.map((point) => point.map((each) => each.toFixed(1)).join(',')).join('L')}`
}

function shape(tag, attributes) {
  const made = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  return made
}
