// Writes the repository's address into the published packages: `repository`, `homepage`, and the links of each README,
// since relative links do not work on npm. With provenance, the registry refuses a package.json that names another
// repository or none. The release workflow sets the address. Elsewhere this script changes nothing.
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path/posix'
import { fileURLToPath } from 'node:url'
import { publishedPackages } from './packages.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const { GITHUB_REPOSITORY: repository, GITHUB_SERVER_URL: server = 'https://github.com' } = process.env
const url = `${server}/${repository}`

/** The text of a page with absolute links. Code and links within the page stay as they are. */
function withAbsoluteLinks(page) {
  const parts = readFileSync(join(ROOT, page), 'utf8').split(/(^```[\s\S]*?^```$)/m)
  return parts
    .map((part) => (part.startsWith('```') ? part : part.replace(/\]\((?![a-z]+:|#)([^)\s]+)\)/g, (_, target) => `](${absolute(page, target)})`)))
    .join('')
}

function absolute(page, target) {
  const [path, anchor] = target.split('#')
  const file = join(dirname(page), path)
  const kind = statSync(join(ROOT, file)).isDirectory() ? 'tree' : 'blob'
  return `${url}/${kind}/HEAD/${file}${anchor === undefined ? '' : `#${anchor}`}`
}

for (const { folder, path, manifest } of repository ? publishedPackages() : []) {
  const directory = `packages/${folder}`
  manifest.repository = { type: 'git', url: `git+${url}.git`, directory }
  manifest.homepage = `${url}/tree/HEAD/${directory}#readme`
  writeFileSync(`${path}/package.json`, `${JSON.stringify(manifest, undefined, 2)}\n`)
  writeFileSync(`${path}/README.md`, withAbsoluteLinks(`${directory}/README.md`))
}
