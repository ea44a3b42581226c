/** The verification page wherever it may be opened from: WebCrypto checks signatures where the browser gives it, noble where it does not. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatLink } from '../../src/light/link.ts'
import { type LightSite, lightSite } from '../fixtures/light-site.ts'
import { verifySource } from '../tools/built-page.ts'
import { singlePage } from '../tools/single-page.ts'
import { absence, insecureHost, isSkipped } from './chromium.ts'
import { openPage } from './open-page.ts'
import { checkAs } from './verify-view.ts'

if (isSkipped) process.stdout.write(`origins of the verification page${absence}\n`)

const places = [
  ['a file', () => pathToFileURL(join(folder, 'verify.html')).href, 'all'],
  ['a server of this machine', () => `http://127.0.0.1:${portOf(server)}/`, 'all'],
  ['an older browser, which has no Ed25519', () => `http://127.0.0.1:${portOf(server)}/`, 'old'],
  ['a server without TLS', () => `http://${insecureHost}:${portOf(server)}/`, 'none'],
] as const

let folder: string
let server: Server
let site: LightSite

const portOf = (of: Server): number => (of.address() as AddressInfo).port

beforeAll(async () => {
  if (isSkipped) return
  const html = await singlePage(verifySource)
  folder = await mkdtemp(join(tmpdir(), 'coterie-origins-'))
  await writeFile(join(folder, 'verify.html'), html)
  server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(html)
  })
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  site = await lightSite({})
})

afterAll(async () => {
  if (isSkipped) return
  await site?.close()
  server?.closeAllConnections()
  server?.close()
  await rm(folder, { recursive: true, force: true })
})

describe.skipIf(isSkipped)(`the verification page from${absence}`, () => {
  test.each(places)('%s', async (_name, address, has) => {
    const { network } = site
    const { page, troubles, close } = await openPage(address(), { width: 1000, height: 900 })
    try {
      await page.clock.setFixedTime(network.now)
      await page.evaluate(countChecks)
      if (has === 'old') await page.evaluate(forgetEd25519)
      const [a] = network.nodes
      const fields = {
        pin: formatLink({ ...network.pin, nodes: network.origins }),
        nodes: network.origins.join('\n'),
        key: 'public/motd',
      }
      const honest = await checkAs(page, fields)
      expect(honest).toMatchObject({ word: 'Simulated, not protected', value: 'hello' })
      if (a !== undefined)
        a.bends.attestation = answer => ({ ...answer, record: spoilt(answer.record) })
      const lied = await checkAs(page, fields)
      expect(lied).toMatchObject({ word: 'Refused', facts: { Reason: 'POSSESSION_INVALID' } })
      if (a !== undefined) a.bends = {}
      const checks = await page.evaluate('window.checks')
      if (has === 'none') expect(checks).toBeNull()
      else expect(checks).toBeGreaterThan(has === 'old' ? 3 : 20)
      expect(troubles).toEqual([])
    } finally {
      await close()
    }
  })
})

const spoilt = <R extends { readonly possession: Uint8Array }>(record: R): R => ({
  ...record,
  possession: record.possession.map((byte, i) => (i === 0 ? byte ^ 1 : byte)),
})

/** In the page: `null` where the browser gives no WebCrypto. */
const countChecks = `(() => {
  window.checks = null
  if (crypto.subtle === undefined) return
  window.checks = 0
  const { verify } = SubtleCrypto.prototype
  SubtleCrypto.prototype.verify = function (...asked) {
    window.checks++
    return verify.apply(this, asked)
  }
})()`

const forgetEd25519 = `(() => {
  const { importKey } = SubtleCrypto.prototype
  SubtleCrypto.prototype.importKey = function (...asked) {
    return asked[2] === 'Ed25519'
      ? Promise.reject(new DOMException('Unrecognized name', 'NotSupportedError'))
      : importKey.apply(this, asked)
  }
})()`
