// Provenance names the repository that a package was built from, and the registry refuses a package.json that names another or none. The
// workflow knows where it runs; whoever publishes from elsewhere, without provenance, has nothing to name.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const { GITHUB_REPOSITORY: repository, GITHUB_SERVER_URL: server = 'https://github.com' } = process.env
const root = fileURLToPath(new URL('..', import.meta.url))

for (const folder of repository ? readdirSync(`${root}/packages`) : []) {
  const path = `${root}/packages/${folder}/package.json`
  const manifest = JSON.parse(readFileSync(path, 'utf8'))
  manifest.repository = { type: 'git', url: `git+${server}/${repository}.git`, directory: `packages/${folder}` }
  writeFileSync(path, `${JSON.stringify(manifest, undefined, 2)}\n`)
}
