/** A real browser: headless Chromium, as the system installs it, and whether there is one. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    // Not there, or not ours to start: the next folder of PATH may have it.
    return false
  }
}

const program = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map(folder => join(folder, 'chromium'))
  .find(isProgram)

const isBrowserAbsent = program === undefined
const asked = process.env['COTERIE_BROWSER']
/** `required` where a run without a browser must not pass: nothing is skipped there. `skip` where another run has the browser to itself. */
export const isBrowserRequired = asked === 'required'
export const isSkipped = asked === 'skip' || (isBrowserAbsent && !isBrowserRequired)
const reason = asked === 'skip' ? 'COTERIE_BROWSER=skip' : 'no chromium on PATH'
/** Goes into the name of what is skipped, so that nobody takes it for passed. */
export const absence = isSkipped ? ` (skipped: ${reason})` : ''

/** A name for any site without TLS, besides those of this machine: the browser withholds WebCrypto from its pages. */
export const insecureHost = 'page.test'

/**
 * No sandbox, said to the driver below: a container's root has no namespaces to make one of, and the pages are our own. No host but this
 * one is asked for anything.
 */
const flags = [
  '--disable-gpu',
  `--host-resolver-rules=MAP ${insecureHost} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1`,
]

/**
 * Starts the system's browser; none is ever downloaded. It is driven over two pipes that no other program can reach, and ends when they do, and so with
 * this process, however that ends. The caller closes it.
 */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: program ?? 'chromium',
    chromiumSandbox: false,
    // Its own handlers would keep this process from ending at a signal.
    ...{ handleSIGHUP: false, handleSIGINT: false, handleSIGTERM: false },
    args: flags,
  })
}
