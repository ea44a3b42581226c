/** Writes every generated page: `npm run reference`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { top } from '../law/tree.ts'
import { referencePages } from './reference/pages.ts'

for (const [path, text] of await referencePages()) {
  mkdirSync(dirname(top + path), { recursive: true })
  writeFileSync(top + path, text)
}
