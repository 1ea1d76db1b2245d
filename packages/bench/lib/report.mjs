import { summary } from './stats.mjs'

/** A table in markdown. Columns after the first are aligned right. */
export function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, column) => (column === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}

/** The two cells of a figure: the median and the middle half of its values. */
export function figure(values, digits) {
  const { median, low, high } = summary(values)
  return [number(median, digits), `${number(low, digits)} to ${number(high, digits)}`]
}

/** Formats a value with a fixed number of decimals, or with three significant digits. */
export function number(value, digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))) {
  return value.toFixed(Math.min(digits, 4))
}

/** A row that compares a measured value with its goal, `atLeast` or `atMost`. */
export function target(name, value, { atLeast, atMost, unit }) {
  const met = atLeast === undefined ? value <= atMost : value >= atLeast
  const goal = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`
  return [name, `${number(value)} ${unit}`, `${goal} ${unit}`, met ? 'pass' : 'miss']
}

export function targetTable(targets) {
  return table(['Target', 'Measured', 'Goal', ''], targets)
}
