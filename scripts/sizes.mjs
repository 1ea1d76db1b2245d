// Measures each entry of @tidings/core and @tidings/client: all exports and their imports in one file, minified and
// gzipped. The hooks for React are measured without React and the rest of the client. README.md states the sizes and
// budgets.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'

const ROW = /^\| `(@tidings\/(?:core|client)[^`]*)` \| ([\d.]+) kB \| ([\d.]+) kB \|$/gm
// The share by which the stated size may differ. Patch versions of the bundler change the size by less.
const TOLERANCE = 0.05
// What an entry is measured without, since a page that uses the entry has it already.
const APART = { '@tidings/client/react': ['react', './connect.js'] }

/** The sizes that README.md states, in kB. */
export function statedSizes(root) {
  const rows = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(ROW)]
  if (rows.length === 0) throw new Error('README.md states no sizes')
  return rows.map(([, entry, stated, budget]) => ({ entry, stated: Number(stated), budget: Number(budget) }))
}

/** The size of an entry as it is installed in `folder`, in kB of 1000 bytes. */
export async function measuredSize(entry, folder) {
  const input = join(folder, 'all.js')
  const all = {
    name: 'all',
    resolveId: (id) => (id === input ? id : APART[entry]?.includes(id) ? { id, external: true } : null),
    load: (id) => (id === input ? `export * from '${entry}'` : null),
  }
  const platform = entry.endsWith('/node') ? 'node' : 'browser'
  const bundle = await rolldown({ input, platform, external: /^node:/, plugins: [all], logLevel: 'warn' })
  const { output } = await bundle.generate({ format: 'esm', minify: true })
  await bundle.close()
  if (output.length !== 1) throw new Error(`${entry} became ${output.length} files`)
  return gzipSync(output[0].code, { level: 9 }).length / 1000
}

/** Throws if the entry is larger than its budget, or if README.md states another size. */
export function compareSizes({ entry, stated, budget }, measured) {
  const text = `${entry} is ${measured.toFixed(1)} kB`
  if (measured > budget) throw new Error(`${text}, over its budget of ${budget} kB`)
  if (Math.abs(measured - stated) > measured * TOLERANCE) throw new Error(`${text}, and README.md says ${stated} kB`)
}
