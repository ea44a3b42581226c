/**
 * The page for people at `/`: the same for every node of this version, so that anybody who gets past the door may have it.
 * What it shows it asks of `/v1/look`, with the host's token outside of a testnet. Beside it the page that verifies nodes, which
 * asks only what is public.
 */
import type { Hono } from 'hono'
import { HostError } from '../../base/errors.ts'
import { type PageFiles, verifyPath } from '../page-files.ts'

export interface PageRouteOptions {
  readonly page: PageFiles
  /** As in `NodeRouteOptions`. */
  readonly desk: string
}

/** Own files alone; no style or script within the document, and nothing from or to elsewhere but a testnet's desk. */
function policyWith(desk: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `connect-src 'self'${desk === '' ? '' : ` ${desk}`}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ')
}

/** It brings the rest of its policy along, wherever it is opened from; this is the part that only a header can say. */
const policyOfVerify = "frame-ancestors 'none'"

export function registerPageRoutes(app: Hono, { page, desk }: PageRouteOptions): void {
  const policy = policyWith(desk)
  for (const [path, { type, bytes }] of page) {
    app.get(path, context => {
      context.header('content-type', type)
      context.header('content-security-policy', path === verifyPath ? policyOfVerify : policy)
      return context.body(bytes)
    })
  }
  if (page.has('/')) return
  app.get('/', () => {
    throw new HostError(
      'PAGE_NOT_BUILT',
      'The page for people has not been built in this checkout.',
      { next: 'Run npm run page, then start the node anew.' },
    )
  })
}
