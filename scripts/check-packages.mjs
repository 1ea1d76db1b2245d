// Checks the packed tarballs, since users get those and not this repository. Packs and lints every public package,
// installs it into empty folders beside its frameworks, and compiles and runs programs there.
// Outside CI it installs the newest major of each framework, and no example, unless `npm run test:full` asks for all.
// `--keep <folder>` copies the tarballs there when all checks have passed.
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { basename, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { consumers, web } from './consumers.mjs'
import { FIRST_READS, readFirst, standalone } from './examples.mjs'
import { publishedPackages } from './packages.mjs'
import { compareSizes, measuredSize, statedSizes } from './sizes.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const { keep } = parseArgs({ options: { keep: { type: 'string' } } }).values
const isFull = Boolean(process.env.CI) || process.env.TIDINGS_FULL === '1' || keep !== undefined
const work = mkdtempSync(join(tmpdir(), 'tidings-packages-'))
const read = (...path) => readFileSync(join(...path), 'utf8')
const manifest = (...path) => JSON.parse(read(...path, 'package.json'))
/** The command of a package that the root has installed. */
const command = (name, bin) => [process.execPath, join(root, 'node_modules', name, manifest(root, 'node_modules', name).bin[bin])]

const publint = command('publint', 'publint')
const attw = command('@arethetypeswrong/cli', 'attw')
const vitest = command('vitest', 'vitest')
// The older compiler would need three times as long to check the packages' own declarations, so it skips them.
const compilers = [
  { compiler: command('typescript', 'tsc'), skipLibCheck: 'false' },
  { compiler: command('typescript6', 'tsc6'), skipLibCheck: 'true' },
]

const packages = publishedPackages().map((each) => ({ ...each.manifest, folder: each.path }))
const tarball = (name) => {
  const { version } = packages.find((each) => each.name === name)
  return join(work, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`)
}

const EVENT = ':\n\nevent: goal\ndata: {"minute":12}\nid: 42\n\n'
const examples = readdirSync(join(root, 'examples')).filter((name) => existsSync(join(root, 'examples', name, 'package.json')))

let passed = 0
const failures = []

async function check(name, run) {
  const began = performance.now()
  try {
    await run()
    passed += 1
    console.log(`ok    ${name} (${((performance.now() - began) / 1000).toFixed(1)} s)`)
    return true
  } catch (error) {
    failures.push(name)
    console.log(`FAIL  ${name}\n${error.message.trimEnd().replace(/^/gm, '        ')}`)
    return false
  }
}

/** Resolves to the output of a command. Rejects with all output when the command fails. */
function run([file, ...first], args, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, [...first, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'], shell: process.platform === 'win32', timeout: 120_000 })
    let out = ''
    let all = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
      all += chunk
    })
    child.stderr.on('data', (chunk) => {
      all += chunk
    })
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0) resolve(out)
      else reject(new Error(`${[file, ...first, ...args].join(' ')}\nended with ${signal ?? code}\n${all}`))
    })
  })
}

/** Runs the jobs, as many at a time as there are processors. */
async function inParallel(jobs) {
  const waiting = [...jobs]
  const worker = async () => {
    for (let job = waiting.shift(); job; job = waiting.shift()) await job()
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
}

function checkContents({ name, folder, exports }, files) {
  for (const needed of ['LICENSE', 'README.md']) {
    if (!files.has(needed)) throw new Error(`${name} is packed without ${needed}`)
  }
  const targets = Object.values(exports).flatMap((target) => (typeof target === 'string' ? target : Object.values(target)))
  for (const target of targets) {
    if (!files.has(target.slice(2))) throw new Error(`exports names ${target}, which is not packed`)
  }
  for (const file of files) {
    // Neither tsc nor the build cache removes the output of a file that was renamed.
    const source = file.replace(/^dist\//, 'src/').replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts')
    if (file.startsWith('dist/') && !existsSync(join(folder, source))) throw new Error(`${file} is packed, but ${source} is gone; remove dist and build again`)
  }
}

async function checkTarball(each) {
  const packed = tarball(each.name)
  await check(`${each.name}: contents`, async () => {
    const files = new Set(
      (await run(['tar'], ['-tzf', packed]))
        .trim()
        .split(/\r?\n/)
        .map((line) => line.replace(/^package\//, '')),
    )
    checkContents(each, files)
  })
  await check(`${each.name}: publint`, () => run(publint, ['run', packed, '--strict']))
  await check(`${each.name}: are the types wrong`, () => run(attw, [packed, '--profile', 'esm-only', '--no-definitely-typed', '--no-color', '--no-emoji']))
}

const INSTALL = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts', '--legacy-peer-deps', '--loglevel=error']

/** Installs the package, core, and the other dependencies of a user into an empty folder. */
async function install(folder, tidings, beside) {
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true }))
  const names = new Set(['@tidings/core', `@tidings/${tidings}`])
  const others = Object.entries(beside).map(([name, version]) => `${name}@${version}`)
  await run(['npm'], [...INSTALL, ...[...names].map(tarball), ...others], folder)
}

/**
 * The versions of the dependencies that users install beside a package. They are the versions that the package has in
 * this repository, or the root's for @types/node.
 */
function versionsOf(tidings, beside) {
  const installedAt = (name) => [join(root, 'packages', tidings), root].map((each) => join(each, 'node_modules', name)).find(existsSync)
  return Object.fromEntries(Object.entries(beside).map(([name, here]) => [name, manifest(installedAt(here)).version]))
}

async function checkConsumer({ source, tidings, beside, options }, index) {
  const versions = versionsOf(tidings, beside)
  const [framework] = Object.keys(versions).filter((name) => !name.startsWith('@types/'))
  const title = `${source.replace('.ts', '')}${framework ? ` with ${framework} ${versions[framework]}` : ''}`
  const folder = join(work, `consumer-${index}`)
  if (!(await check(`${title}: npm install`, () => install(folder, tidings, versions)))) return

  for (const extension of ['mts', 'cts']) cpSync(join(root, 'scripts/consumers', source), join(folder, `app.${extension}`))
  const compilerOptions = { module: 'nodenext', target: 'es2022', strict: true, outDir: 'out', ...options }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['app.mts', 'app.cts'] }))
  for (const { compiler, skipLibCheck } of compilers) {
    const version = (await run(compiler, ['--version'])).trim().replace('Version', 'TypeScript')
    await check(`${title}: ${version}, as an ES module and as CommonJS`, () => run(compiler, ['-p', '.', '--skipLibCheck', skipLibCheck], folder))
  }
  for (const [kind, file] of [
    ['import', 'out/app.mjs'],
    ['require', 'out/app.cjs'],
  ]) {
    await check(`${title}: ${kind}, one event`, async () => {
      const received = await run([process.execPath], [file], folder)
      if (received !== EVENT) throw new Error(`received ${JSON.stringify(received)}\nexpected ${JSON.stringify(EVENT)}`)
    })
  }
}

/** Runs an example from a copy of its folder. */
async function checkExample(name) {
  const source = join(root, 'examples', name)
  const folder = join(work, `example-${name}`)
  const isOwn = (path) => !['node_modules', 'test', '.turbo'].includes(relative(source, path).split(sep)[0])
  cpSync(source, folder, { recursive: true, filter: isOwn })
  writeFileSync(join(folder, 'package.json'), JSON.stringify(standalone(manifest(source), tarball)))
  if (!(await check(`example ${name}: npm install`, () => run(['npm'], INSTALL, folder)))) return
  await check(`example ${name}: starts, first event`, () => readFirst(name, folder))
}

/** Measures each entry of core and of the client as a bundler ships it. */
async function checkSizes() {
  const folder = join(work, 'consumer-sizes')
  if (!(await check('sizes: npm install', () => install(folder, 'client', {})))) return
  for (const row of statedSizes(root)) {
    const measured = await measuredSize(row.entry, folder)
    await check(`${row.entry.replace('@tidings/', '')}: ${measured.toFixed(1)} kB of ${row.budget}`, () => compareSizes(row, measured))
  }
}

/** Checks `@tidings/testing` inside a test runner, where users have it. */
async function checkTesting() {
  const folder = join(work, 'consumer-testing')
  if (!(await check('testing: npm install', () => install(folder, 'testing', versionsOf('testing', { '@types/node': '@types/node' }))))) return
  // Links the repository's vitest. Another copy would cost more time than the rest of this script.
  symlinkSync(join(root, 'node_modules/vitest'), join(folder, 'node_modules/vitest'), 'junction')
  cpSync(join(root, 'scripts/consumers/testing.test.ts'), join(folder, 'testing.test.ts'))
  const compilerOptions = { module: 'nodenext', target: 'es2022', strict: true, noEmit: true, ...web, types: ['node'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['testing.test.ts'] }))
  // Skips all declarations, ours too, since those of vitest may not compile.
  await check('testing: TypeScript 7', () => run(compilers[0].compiler, ['-p', '.', '--skipLibCheck', 'true'], folder))
  await check('testing: inside vitest', () => run(vitest, ['run', '--root', folder, '--reporter=dot'], folder))
}

try {
  const unread = examples.filter((name) => !FIRST_READS[name])
  if (unread.length > 0) throw new Error(`scripts/examples.mjs does not say how to read ${unread.join(', ')}`)
  await run(['pnpm'], [...packages.flatMap(({ name }) => ['--filter', name]), 'pack', '--pack-destination', work], root)
  await inParallel([
    ...consumers.filter(({ isOlder }) => isFull || !isOlder).map((each, index) => () => checkConsumer(each, index)),
    checkTesting,
    checkSizes,
    ...(isFull ? examples : []).map((name) => () => checkExample(name)),
    ...packages.map((each) => () => checkTarball(each)),
  ])
  if (!isFull) console.log('skipped: examples, and older majors of frameworks. `npm run test:full` installs them, too')
  if (keep && failures.length === 0) {
    mkdirSync(keep, { recursive: true })
    for (const { name } of packages) cpSync(tarball(name), join(keep, basename(tarball(name))))
  }
  console.log(failures.length === 0 ? `${passed} package checks passed` : `${failures.length} package checks failed, ${passed} passed: ${failures.join('; ')}`)
} finally {
  rmSync(work, { recursive: true, force: true })
}
if (failures.length > 0) process.exitCode = 1
