// Part of `lint`: comments end before column 120. Biome allows longer lines of code, and does not check comments.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const LONGEST = 119
const COMMENT = /^\s*(?:\/\/|\/?\*)/
// Links cannot be wrapped, and Biome's directives take one line.
const UNBROKEN = /https?:\/\/\S{40,}|biome-ignore/

const root = fileURLToPath(new URL('..', import.meta.url))
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', 'packages', 'docs', 'examples', 'scripts'], {
  cwd: root,
  encoding: 'utf8',
})
const long = files
  .split('\n')
  .filter((file) => /\.m?[jt]s$/.test(file))
  .flatMap((file) => longLinesOf(file).map((line) => `${file}:${line}`))

for (const place of long) console.error(`${place} is a line of prose over ${LONGEST} columns`)
if (long.length > 0) process.exitCode = 1

function longLinesOf(file) {
  const lines = readFileSync(`${root}/${file}`, 'utf8').split('\n')
  return lines.flatMap((text, index) => (text.length > LONGEST && COMMENT.test(text) && !UNBROKEN.test(text) ? [index + 1] : []))
}
