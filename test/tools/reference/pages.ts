/** Every page that is generated from the code: its path from the top → its text. A test finds drift. */
import { openApi } from '../../../src/api/openapi.ts'
import { cliPage } from './cli.ts'
import { errorsPage } from './errors.ts'
import { libraryPage } from './library.ts'
import { optionsPage } from './options.ts'

export async function referencePages(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['docs/spec/openapi.json', `${JSON.stringify(openApi(), null, 2)}\n`],
    ['docs/reference/cli.md', await cliPage()],
    ['docs/reference/errors.md', errorsPage()],
    ['docs/reference/library.md', libraryPage()],
    ['docs/reference/options.md', optionsPage()],
  ])
}
