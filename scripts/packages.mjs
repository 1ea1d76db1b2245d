// The packages that are published: the folders of `packages/` that are not private.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const PACKAGES = fileURLToPath(new URL('../packages', import.meta.url))

export function publishedPackages() {
  return readdirSync(PACKAGES)
    .map((folder) => {
      const path = `${PACKAGES}/${folder}`
      const manifest = JSON.parse(readFileSync(`${path}/package.json`, 'utf8'))
      return { name: manifest.name, folder, path, manifest }
    })
    .filter(({ manifest }) => !manifest.private)
}
