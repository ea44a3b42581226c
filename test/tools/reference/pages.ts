/** Every page that is generated from the code: its path from the top → its text. A test finds drift. */
import { openApi } from '../../../src/api/openapi.ts'
import { libraryPage } from './library.ts'

export function referencePages(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/spec/openapi.json', `${JSON.stringify(openApi(), null, 2)}\n`],
    ['docs/reference/library.md', libraryPage()],
  ])
}
