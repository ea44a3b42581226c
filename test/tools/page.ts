/**
 * Builds the page for people in a checkout, before its first start and whenever its source has changed. A page that cannot be
 * built is no reason not to start: nodes then say at `/` that it is missing.
 */
import { pageDir } from '../../src/api/page-files.ts'
import { buildPage } from './built-page.ts'

try {
  await buildPage(pageDir.replace(/\/$/, ''))
} catch (error) {
  console.error(
    `The page for people is not built: ${error instanceof Error ? error.message : error}`,
  )
}
