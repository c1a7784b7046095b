import { readFileSync } from 'node:fs'
import type { TestProject } from 'vitest/node'
import type { SharedServers } from './shared.ts'
import { startShared } from './start-shared.ts'

/** Starts the shared servers once a run, or uses those that `npm run servers -- --json FILE` keeps running. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | void> {
  const running = process.env['THUMP_TEST_SERVERS']
  if (running !== undefined && running !== '') {
    project.provide('servers', JSON.parse(readFileSync(running, 'utf8')) as SharedServers)
    return
  }
  const { value, stop } = await startShared()
  project.provide('servers', value)
  return stop
}
