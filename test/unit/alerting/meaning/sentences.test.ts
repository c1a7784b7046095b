import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sentences } from './sentences.ts'

const folders = ['.', '../rules'].map((folder) => join(import.meta.dirname, folder))
const titles = folders
  .flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)))
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n')
const named = new Set([...titles.matchAll(/['"]((?:[MS]\d+ )+)/g)].flatMap(([, tags = '']) => tags.trim().split(' ')))

test('every sentence has a test that names it, and no test names one that is not there', () => {
  expect(Object.keys(sentences).filter((id) => !named.has(id))).toEqual([])
  expect([...named].filter((id) => !(id in sentences))).toEqual([])
})
