import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ROOT } from './blocks.ts'

const FOLDER = `${ROOT}/.github/workflows`
const workflows = readdirSync(FOLDER).map((file) => ({ file, text: readFileSync(`${FOLDER}/${file}`, 'utf8') }))

/** The jobs of a workflow by name, each as its lines. */
function jobsOf(text: string): Map<string, string> {
  const [, jobs = ''] = text.split('\njobs:\n')
  const parts = jobs.split(/^ {2}([\w-]+):\n/m).slice(1)
  return new Map(parts.flatMap((name, index) => (index % 2 === 0 ? [[name, parts[index + 1] ?? '']] : [])))
}

describe.each(workflows)('$file', ({ text }) => {
  test('names each action by a commit, with its version beside it', () => {
    const actions = [...text.matchAll(/\buses: (.*)$/gm)].map(([, action]) => action)
    expect(actions.length).toBeGreaterThan(0)
    for (const action of actions) expect(action).toMatch(/^[\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
  })

  test('names each image by its digest', () => {
    for (const [, image] of text.matchAll(/\b(?:container|image): (.*)$/gm)) expect(image).toMatch(/^[\w./-]+@sha256:[0-9a-f]{64}$/)
  })

  test('gives the workflow no permission but to read', () => {
    expect(text.split('\njobs:\n')[0]).toMatch(/^permissions:\n {2}contents: read$/m)
  })

  test('publishes in a job that installs, builds and checks out nothing', () => {
    for (const [name, job] of jobsOf(text)) {
      if (!job.includes('id-token: write')) continue
      expect(job, name).not.toMatch(/actions\/checkout|\b(?:npm|pnpm|yarn) (?:install|ci|i|run|exec)\b|npx|node [^-]/)
    }
  })
})

test('one job may publish, so the tests above have a job to check', () => {
  const publishing = workflows.flatMap(({ text }) => [...jobsOf(text)].filter(([, job]) => job.includes('id-token: write')).map(([name]) => name))
  expect(publishing).toEqual(['publish'])
})
