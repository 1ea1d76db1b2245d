import { join } from 'node:path'
import { publishedPackages } from '../../scripts/packages.mjs'

const packages = publishedPackages().map(({ name, path, manifest }) => {
  const sources = Object.values(manifest.exports).map((target) => target['tidings-source'])
  return { name, entries: sources.filter(Boolean).map((source) => join(path, source)) }
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
