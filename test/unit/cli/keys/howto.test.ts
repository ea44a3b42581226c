/** The page for holders, command by command, as real processes in one folder. */
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { isApproved, parseCustodyEnvelope } from '../../../../src/attestation/custody/approvals.ts'
import { isRefusal } from '../../../../src/attestation/verdict.ts'
import { makeKey, readPublicPart } from '../../../../src/cli/holder-files.ts'
import { startCoterie, temporaryFolder } from '../../../fixtures/command-line.ts'
import { presentNetwork, presentNode, testGenesis } from '../../../fixtures/genesis.ts'
import { fingerprintOf, openedBy } from '../../../fixtures/holder-desk.ts'
import { top } from '../../../law/tree.ts'

const page = readFileSync(`${top}docs/howto/hold-a-share.md`, 'utf8')
const commands = [...page.matchAll(/```sh\n([\s\S]*?)```/g)]
  .flatMap(([, block = '']) => block.replaceAll('\\\n', ' ').split('\n'))
  .filter(line => line.startsWith('coterie '))
  .map(line => line.split(/\s+/).slice(1))

/** A node that takes shares and says how far it is. */
async function node(answerOf: (body: string) => object): Promise<string> {
  const server = createServer(async (request, response) => {
    response.end(JSON.stringify(answerOf((await request.toArray()).join(''))))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('every command of the page for holders does what it says, in its order', async () => {
  const folder = temporaryFolder()
  const pathOf = (name: string): string => join(folder, name)
  writeFileSync(pathOf('passphrase'), 'a passphrase of the page\n', { mode: 0o600 })
  for (const alias of ['bob', 'carol'])
    await makeKey(pathOf(`${alias}.json`), { alias, passphrase: null })
  const network = presentNetwork('page')
  const maker = await presentNode(network, 'a')
  writeFileSync(pathOf('network.json'), network.envelopeBytes)
  const info = { phase: 'WaitingForQuorumShards', node: maker.id, namespace: null }
  const none = { quorum_public_key: null, manifest_hash: null, shares: null, approvals: null }
  const taken: string[] = []
  const url = await node(body => {
    if (body === '') return { ...info, ...none }
    taken.push(
      ...JSON.parse(body).shares.map((share: { member_alias: string }) => share.member_alias),
    )
    return { success: true, reconstructed_quorum_key: null }
  })
  const run = async (words: readonly string[]) => {
    const sealed = words[1] === 'generate' || words.includes('alice.json')
    const asked = words.includes('--key') ? ['--yes'] : []
    const more = sealed ? ['--passphrase-file', 'passphrase', ...asked] : asked
    const args = [...words.map(word => word.replace('http://localhost:9000', url)), ...more]
    const { code, err } = await startCoterie(args, { cwd: folder }).ended
    expect([code, err], args.join(' ')).toEqual([0, expect.any(String)])
  }
  for (const words of commands) {
    if (words[1] === 'inject') {
      // Of the second holder, who does what the first one did.
      const own = ['--key', 'bob.json', '--manifest', 'network.json', '--out', 'bob.share.json']
      await run(['keys', 'decrypt-share', 'genesis.json', ...own])
    }
    await run(words)
    if (words[1] !== 'genesis-request') continue
    const parts = ['alice', 'bob', 'carol'].map(alias =>
      readPublicPart(pathOf(`${alias}.public.json`)),
    )
    const holders = await Promise.all(parts)
    const genesis = await testGenesis({
      network,
      node: maker,
      holders,
      namespace: { name: 'payouts', nonce: 1 },
    })
    writeFileSync(pathOf('genesis.json'), JSON.stringify(genesis.answer))
    writeFileSync(
      pathOf('holders.txt'),
      holders.map(({ alias, key }) => `${alias} ${fingerprintOf(key)}\n`).join(''),
    )
  }
  expect(taken).toEqual(['alice', 'bob'])
  expect(openedBy(maker, readFileSync(pathOf('alice.share.json'), 'utf8'))).toBeDefined()
  const envelope = parseCustodyEnvelope(new Uint8Array(readFileSync(pathOf('envelope.json'))))
  // One approval is in it; two of three it takes.
  expect(!isRefusal(envelope) && envelope.approvals.map(({ alias }) => alias)).toEqual(['carol'])
  expect(!isRefusal(envelope) && isApproved(envelope)).toBe(false)
  expect(commands.length).toBeGreaterThan(6)
})
