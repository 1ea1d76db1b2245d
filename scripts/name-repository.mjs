// Provenance names the repository that a package was built from, and the registry refuses a package.json that names another or none. The
// workflow knows where it runs; whoever publishes from elsewhere, without provenance, has nothing to name.
import { writeFileSync } from 'node:fs'
import { publishedPackages } from './packages.mjs'

const { GITHUB_REPOSITORY: repository, GITHUB_SERVER_URL: server = 'https://github.com' } = process.env

for (const { folder, path, manifest } of repository ? publishedPackages() : []) {
  manifest.repository = { type: 'git', url: `git+${server}/${repository}.git`, directory: `packages/${folder}` }
  writeFileSync(`${path}/package.json`, `${JSON.stringify(manifest, undefined, 2)}\n`)
}
