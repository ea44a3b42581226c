/** Calls under seal out of a page of another origin, in a real browser, to real nodes: with WebCrypto, and where a page has none. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parseEnvelope } from '../../src/attestation/manifest-approval.ts'
import { pinOf } from '../../src/light/link.ts'
import { runningTestnet } from '../fixtures/testnet.ts'
import { bundle } from './bundle.ts'
import { absence, insecureHost, isSkipped, startBrowser } from './chromium.ts'

const faces = `
export { LightClient, callNode } from 'src/light.ts'
export { SigningKey } from 'src/crypto/sign.ts'
export { Secret } from 'src/base/secret.ts'`

/** What a page does: looks, writes under seal, reads back, and tells both answers with what became of a call of somebody else. */
const script = (given: object): string => `(async () => {
  const { pin, origin, seed } = ${JSON.stringify(given)}
  const { LightClient, callNode, SigningKey, Secret } = await import('/light.js')
  const keyOf = hex => new SigningKey(new Secret(Uint8Array.from(hex.match(/../g), each => parseInt(each, 16))))
  const ports = {
    fetch: (url, options) => fetch(url, options),
    deadline: span => AbortSignal.timeout(span),
    clock: { wall: () => Date.now() },
    random: { bytes: count => crypto.getRandomValues(new Uint8Array(count)) },
  }
  const client = await LightClient.open(ports, { pin, sources: [origin] })
  const path = '/v1/state/team%2Fpage'
  const ask = async (request, by = seed) => {
    try {
      const { status, body } = await callNode(client, request, { key: keyOf(by) })
      return status + ' ' + new TextDecoder().decode(body)
    } catch (error) {
      return error.code ?? String(error)
    }
  }
  const body = new TextEncoder().encode('{"text":"from a page"}')
  const told = []
  // The state is fresh some seconds after the nodes have met.
  do told[0] = await ask({ method: 'PUT', path, body }); while (told[0] === 'NODE_NOT_FRESH')
  told.push(await ask({ method: 'GET', path }), await ask({ method: 'GET', path }, '07'.repeat(32)))
  return { told, hasSubtle: crypto.subtle !== undefined }
})()`

describe.skipIf(isSkipped)(`sealed calls of a page${absence}`, () => {
  test('a page of any origin, with WebCrypto or without, calls under seal, and who is not listed does not', async () => {
    const { testnet, folder } = await runningTestnet(2)
    const envelope = parseEnvelope(readFileSync(folder.manifest))
    if ('code' in envelope) throw new Error(envelope.code)
    const { seed } = JSON.parse(readFileSync(folder.clientKey, 'utf8'))
    const origin = `http://127.0.0.1:${testnet.slots()[0]?.httpPort}`
    const { code } = await bundle(faces)
    const server = createServer((request, response) => {
      const isScript = request.url === '/light.js'
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
      response.end(isScript ? code : '<!doctype html>')
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const browser = await startBrowser()
    onTestFinished(() => browser.close())
    for (const host of ['localhost', insecureHost]) {
      const page = await browser.newPage()
      await page.goto(`http://${host}:${(server.address() as AddressInfo).port}/`)
      const pin = pinOf(envelope.manifest)
      expect(await page.evaluate(script({ pin, origin, seed })), host).toEqual({
        hasSubtle: host === 'localhost',
        told: [
          expect.stringMatching(/^200 .*team\/page/),
          expect.stringMatching(/^200 .*from a page/),
          'CLIENT_NOT_LISTED',
        ],
      })
      await page.close()
    }
  }, 300_000)
})
