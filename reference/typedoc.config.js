import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PACKAGES = fileURLToPath(new URL('../packages/', import.meta.url))

const packages = readdirSync(PACKAGES).map((folder) => {
  const { name, exports } = JSON.parse(readFileSync(`${PACKAGES}${folder}/package.json`, 'utf8'))
  const sources = Object.values(exports).map((target) => target['tidings-source'])
  return { name, entries: sources.filter(Boolean).map((source) => join(PACKAGES, folder, source)) }
})

/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  name: 'Tidings',
  entryPoints: packages.flatMap(({ entries }) => entries),
  tsconfig: 'tsconfig.json',
  out: 'dist',
  readme: 'none',
  includeVersion: false,
  disableSources: true,
  packagesRequiringDocumentation: packages.map(({ name }) => name),
  // Where the name of a property says all, nothing is said again.
  requiredToBeDocumented: ['Module', 'Function', 'Class', 'Interface', 'TypeAlias', 'Variable', 'Method', 'Accessor'],
  validation: { notExported: false, invalidLink: true, invalidPath: true, rewrittenLink: true, notDocumented: true, unusedMergeModuleWith: true },
  treatValidationWarningsAsErrors: true,
}
