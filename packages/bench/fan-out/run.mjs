// node packages/bench/fan-out/run.mjs [burst] [beside] [paced] [overload] [slow] [resume] [replay] [topics]
// [counting] [joined] [told] [change --before folder] [--rounds n] [--connections 100,1000,5000] [--ms n]
// [--only variant,…] [--node path] [--sleeping-load] [--markdown]
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { beside } from './beside.mjs'
import { burst } from './burst.mjs'
import { change } from './change.mjs'
import { counting } from './counting.mjs'
import { joined } from './joined.mjs'
import { overload } from './overload.mjs'
import { paced } from './paced.mjs'
import { compile } from './processes.mjs'
import { replay } from './replay.mjs'
import { resume } from './resume.mjs'
import { slow } from './slow.mjs'
import { told } from './told.mjs'
import { topics } from './topics.mjs'

const ALL = { burst, beside, paced, overload, slow, resume, replay, topics, counting, joined, told }
// `change` needs another checkout, so it runs only by name.
const PARTS = { ...ALL, change }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    connections: { type: 'string' },
    ms: { type: 'string' },
    only: { type: 'string' },
    node: { type: 'string', default: process.execPath },
    'sleeping-load': { type: 'boolean', default: false },
    before: { type: 'string' },
    markdown: { type: 'boolean', default: false },
  },
})
if (process.platform !== 'linux') throw new Error('The load is an epoll client, so this runs on Linux only')
const parts = positionals.length > 0 ? positionals : Object.keys(ALL)
const unknown = parts.find((part) => !Object.hasOwn(PARTS, part))
if (unknown !== undefined) throw new Error(`${unknown} is not a part; there are ${Object.keys(PARTS).join(', ')}`)

const options = {
  node: values.node,
  binaries: { ...compile(), loadFlags: values['sleeping-load'] ? ['sleeps'] : [] },
  ...(values.rounds && { rounds: Number(values.rounds) }),
  ...(values.connections && { connections: values.connections.split(',').map(Number) }),
  ...(values.before && { before: values.before }),
  ...(values.ms && { ms: Number(values.ms) }),
  ...(values.only && { only: values.only.split(',').map((name) => name.trim()) }),
}
const version = execFileSync(values.node, ['--version'], { encoding: 'utf8' }).trim()
const major = Number(version.slice(1).split('.')[0])

if (!values.markdown) console.log(`Node ${version}\n`)
for (const part of parts) {
  const began = performance.now()
  const text = await PARTS[part]({ ...options, major })
  const given = ['connections', 'rounds'].filter((name) => values[name]).map((name) => `--${name} ${values[name]}`)
  const command = ['node packages/bench/fan-out/run.mjs', part, ...given, ...(values['sleeping-load'] ? ['--sleeping-load'] : [])].join(' ')
  const took = `${((performance.now() - began) / 1000).toFixed(0)} s`
  console.log(
    values.markdown
      ? `<!-- ${part} ${version} -->\n\n\`${command}\` on Node ${version.slice(1)}\n\n${text}\n\n<!-- /${part} -->\n`
      : `## ${part} (${took})\n\n${text}\n`,
  )
}
