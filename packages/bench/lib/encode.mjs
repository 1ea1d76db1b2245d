import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { encodeComment, encodeMessage } from '@tidings/core'
import { createParser } from 'eventsource-parser'
import { ENCODERS } from './encoders.mjs'
import { figure, number, table, target, targetTable } from './report.mjs'
import { median, rotated } from './stats.mjs'

const SLICE_MS = 6
const WARM_UP_MS = 60

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc')

const CASES = [
  { name: '100 B', title: '100 B of JSON in one line', kind: 'text', input: json(100) },
  {
    name: '10 KB',
    title: '10 KB in 100 lines',
    kind: 'lines',
    input: Array.from({ length: 100 }, (_, line) => `${line} `.padEnd(101, 'lorem ipsum ')).join('\n'),
  },
  { name: '1 MB', title: '1 MB of JSON in one line', kind: 'text', input: json(1_048_576) },
  {
    name: 'event',
    title: '`{ event, data, id }` with a small object as data',
    kind: 'event',
    input: { event: 'goal', data: { match: 42, minute: 12, team: 'home', player: 'Nine' }, id: '01J8-1042' },
  },
]

/** Measures encoding alone: to the text that the transport gets, and to bytes. */
export async function encode({ rounds = 30 } = {}) {
  const sections = []
  const targets = []
  for (const each of CASES) {
    const variants = variantsOf(each)
    const agreement = await agreementOf(each)
    const measured = await measure(variants, rounds)
    const costs = (name, form) => measured.get(`${name} ${form}`)
    const names = [...new Set(variants.map((variant) => variant.name))]
    const rows = names.map((name) => {
      const text = costs(name, 'text')
      const bytes = costs(name, 'bytes')
      return [name, ...(text ? figure(text) : ['', '']), ...figure(bytes), agreement.get(name) ?? '']
    })
    sections.push(`**${each.title}**\n\n${table(['CPU µs a message', 'to text', 'middle half', 'to bytes', 'middle half', 'on the wire'], rows)}`)

    const peers = names.filter((name) => !name.startsWith('tidings') && name !== BASELINE)
    const over = (form) => {
      const [fastest] = peers.toSorted((a, b) => median(costs(a, form)) - median(costs(b, form)))
      return { fastest, ratio: median(costs(fastest, form)) / median(costs('tidings', form)) }
    }
    const [text, bytes] = [over('text'), over('bytes')]
    sections.push(`Times as fast as the fastest peer: ${number(text.ratio)} to text (${text.fastest}), ${number(bytes.ratio)} to bytes (${bytes.fastest}).`)
    if (each.name === '100 B')
      targets.push(target(`encode: 100 B to text, as fast as ${text.fastest}, the fastest peer`, text.ratio, { atLeast: 1.5, unit: 'times' }))
    if (each.name === '1 MB') {
      // The two are measured alone, in turns and more often: the allocator gives fresh pages now to one and now to the
      // other, which costs more than their difference.
      const pair = variants.filter(({ name, form }) => form === 'bytes' && (name === 'tidings' || name === BASELINE))
      const alone = await measure(pair, rounds * 4)
      const ratio = median(alone.get('tidings bytes')) / median(alone.get(`${BASELINE} bytes`))
      targets.push(target(`encode: 1 MB to bytes, cost over ${BASELINE}`, ratio, { atMost: 1.1, unit: 'times' }))
    }
  }
  const ends = await lineEnds(rounds)
  return [...sections, ends.section, targetTable([...targets, ...ends.targets])].join('\n\n')
}

const MB = 1_048_576
const DENSE = { LF: '\n', CR: '\r', CRLF: '\r\n', 'LF, CR and CRLF': '\r\n\n\r', 'a letter and LF': 'x\n' }

/**
 * Compares text that consists of line ends, which an attacker may send, with letters that take as many bytes on the
 * wire.
 */
async function lineEnds(rounds) {
  const encoders = { data: encodeMessage, comment: encodeComment }
  const texts = { letters: flat('x'.repeat(MB)), ...Object.fromEntries(Object.entries(DENSE).map(([name, end]) => [name, flat(end.repeat(MB / end.length))])) }
  const variants = []
  const sizes = new Map()
  for (const [form, encodeOne] of Object.entries(encoders)) {
    for (const [name, text] of Object.entries(texts)) {
      sizes.set(`${name} ${form}`, Buffer.byteLength(encodeOne(text)))
      variants.push({ name, form, run: loop((input) => Buffer.from(encodeOne(input)), text, consumeBytes) })
    }
  }
  const costs = await measure(variants, rounds)
  const perMegabyte = (key) => median(costs.get(key)) / (sizes.get(key) / MB)
  const rows = Object.keys(texts).map((name) => [name, ...Object.keys(encoders).flatMap((form) => figure(costs.get(`${name} ${form}`)))])
  const worst = (form) => Math.max(...Object.keys(DENSE).map((name) => perMegabyte(`${name} ${form}`) / perMegabyte(`letters ${form}`)))
  return {
    section: `**1 MB of line ends**\n\n${table(['CPU µs a message, to bytes', 'as data', 'middle half', 'as a comment', 'middle half'], rows)}`,
    targets: Object.keys(encoders).map((form) =>
      target(`encode: 1 MB of line ends as ${form}, a byte on the wire over one of letters`, worst(form), { atMost: 3, unit: 'times' }),
    ),
  }
}

const BASELINE = '`Buffer.from(data)`'

function variantsOf({ kind, input }) {
  const variants = []
  for (const [name, encoder] of Object.entries(ENCODERS)) {
    const encodeOne = encoderFor(encoder, kind)
    if (!encodeOne) continue
    const isAsync = encodeOne.constructor.name === 'AsyncFunction'
    variants.push({ name, form: 'text', run: isAsync ? asyncLoop(encodeOne, input, consumeText) : loop(encodeOne, input, consumeText) })
    const { bytes } = encoder
    const toBytes = bytes ?? (isAsync ? async (data) => Buffer.from(await encodeOne(data)) : (data) => Buffer.from(encodeOne(data)))
    variants.push({ name, form: 'bytes', run: isAsync ? asyncLoop(toBytes, input, consumeBytes) : loop(toBytes, input, consumeBytes) })
  }
  const baseline = kind === 'event' ? ({ data }) => Buffer.from(JSON.stringify(data)) : (data) => Buffer.from(data)
  variants.push({ name: BASELINE, form: 'bytes', run: loop(baseline, input, consumeBytes) })
  return variants
}

const encoderFor = (encoder, kind) => encoder[kind] ?? (kind === 'lines' ? encoder.text : undefined)

// V8 keeps a joined string as a tree until it is read. Reading the last character makes each variant do all its work.
const consumeText = (text) => text.charCodeAt(text.length - 1)
const consumeBytes = (bytes) => bytes[bytes.length - 1]

let consumed = 0

function loop(encodeOne, input, consume) {
  return (count) => {
    for (let i = 0; i < count; i++) consumed += consume(encodeOne(input))
  }
}

function asyncLoop(encodeOne, input, consume) {
  return async (count) => {
    for (let i = 0; i < count; i++) consumed += consume(await encodeOne(input))
  }
}

/** Measures all variants in turn, `rounds` times, in slices of a few milliseconds. Returns µs of CPU a message. */
async function measure(variants, rounds) {
  const costs = new Map(variants.map(({ name, form }) => [`${name} ${form}`, []]))
  const counts = new Map()
  for (const variant of variants) counts.set(variant, await countFor(variant.run))
  for (let round = 0; round < rounds; round++) {
    for (const variant of rotated(variants, round)) {
      const count = counts.get(variant)
      // No variant pays for the garbage of another, nor for the first allocation after a collection.
      collectGarbage()
      await variant.run(1)
      const before = process.cpuUsage()
      await variant.run(count)
      const { user, system } = process.cpuUsage(before)
      costs.get(`${variant.name} ${variant.form}`).push((user + system) / count)
    }
  }
  if (!Number.isFinite(consumed)) throw new Error('a variant returned nothing')
  return costs
}

/** The number of messages that fill a slice, measured again until the code is warm. */
async function countFor(run) {
  let count = 1
  for (let spent = 0; spent < WARM_UP_MS; ) {
    const before = process.cpuUsage()
    await run(count)
    const { user, system } = process.cpuUsage(before)
    const took = (user + system) / 1000
    spent += took
    count = Math.max(1, Math.round(count * Math.min(2, SLICE_MS / took)))
  }
  return count
}

/** Says for each peer whether it writes our bytes, or other bytes that a client reads as the same event. */
async function agreementOf({ kind, input }) {
  const ours = await encoderFor(ENCODERS.tidings, kind)(input)
  const agreement = new Map()
  for (const [name, encoder] of Object.entries(ENCODERS)) {
    const encodeOne = encoderFor(encoder, kind)
    if (!encodeOne || name === 'tidings') continue
    const theirs = await encodeOne(input)
    agreement.set(name, theirs === ours ? 'same bytes' : eventsOf(theirs) === eventsOf(ours) ? 'same event' : 'other data')
  }
  return agreement
}

function eventsOf(text) {
  const events = []
  createParser({ onEvent: ({ event, data, id }) => events.push([event, data, id]) }).feed(text)
  return JSON.stringify(events)
}

/** A flat string of one byte a character, like text from `JSON.stringify` or a socket. */
function json(length) {
  const filler = 'the quick brown fox jumps over the lazy dog '
  const text = JSON.stringify({ text: filler.repeat(Math.ceil(length / filler.length)).slice(0, length - 11) })
  return flat(text)
}

function flat(text) {
  return Buffer.from(text).toString('latin1')
}
