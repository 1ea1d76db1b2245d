// The packages of this repository, read from their manifests. Other lists of packages come from here.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** All packages below `packages/`, private ones too. */
export function allPackages() {
  return readdirSync(`${ROOT}packages`).map((folder) => {
    const path = `${ROOT}packages/${folder}`
    const manifest = JSON.parse(readFileSync(`${path}/package.json`, 'utf8'))
    return { name: manifest.name, folder, path, manifest }
  })
}

/** The packages that are published. */
export function publishedPackages() {
  return allPackages().filter(({ manifest }) => !manifest.private)
}

/** The packages for a framework. They run the contract of an adapter. */
export function adapterPackages() {
  return publishedPackages().filter(({ path }) => existsSync(`${path}/test/contract`))
}
