// Runs a script of package.json under the pnpm that package.json names, so that `npm start` and `npm test` need Node and npm alone.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const { packageManager } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const { status, error } = spawnSync('npx', ['--yes', packageManager, 'run', ...process.argv.slice(2)], {
  stdio: 'inherit',
  shell: process.platform === 'win32',
})
if (error) throw error
process.exit(status ?? 1)
