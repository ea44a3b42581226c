/** `coterie state prove` and `verify-proof`: over a whole node, then without any. */
import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { jsonProof } from '../../../src/api/values.ts'
import { isPublicKey } from '../../../src/attestation/manifest.ts'
import { fromHex } from '../../../src/base/bytes.ts'
import { CoterieError } from '../../../src/base/errors.ts'
import { exitCodeOf } from '../../../src/cli/output.ts'
import { type Proven, readProof, type Trusted, verifyProof } from '../../../src/cli/proof-file.ts'
import { provenContent } from '../../../src/wire/proven-content.ts'
import { decodeKeyProof } from '../../../src/wire/state-proof.ts'
import { type ProvenNetwork, provenNetwork } from '../../fakes/proven-network.ts'
import { coterie, startCoterie, temporaryFolder } from '../../fixtures/command-line.ts'
import { servedOver } from '../api/served.ts'

let network: ProvenNetwork
beforeAll(async () => {
  network = await provenNetwork(41)
})
afterAll(() => network.simulation.stop())

/** The proof of a key in a file, and no node any more that could answer. */
async function fileOf(key: string): Promise<string> {
  const { client, stop } = await servedOver(network.nodes[0])
  const file = `${temporaryFolder()}/proof.json`
  await writeFile(file, JSON.stringify(await client.prove(key)))
  await stop()
  return file
}

const rootNow = (): string => network.nodes[0].status().state.root

/** Whoever has root and manifest from elsewhere. */
function verifier(): Trusted {
  const { manifest } = network.simulation.fixture
  return { key: undefined, root: rootNow(), isPublic: key => isPublicKey(manifest, key) }
}

/** What the command shows of a file, or its exit code and the error's, which must have a next step. */
async function shown(file: string, trusted: Trusted): Promise<Proven | readonly [number, string]> {
  try {
    return verifyProof(await readProof(file), trusted)
  } catch (error) {
    if (!(error instanceof CoterieError)) throw error
    expect(error.next).not.toBe('')
    return [exitCodeOf(error), error.code]
  }
}

test('what a key holds, or that it holds nothing, is verified from a file with no node in reach', async () => {
  const [node] = network.nodes
  const { url, stop } = await servedOver(node)
  const folder = temporaryFolder()
  const out = `${folder}/proof.json`
  const made = await coterie(['state', 'prove', 'public/names', '--out', out, '--url', url])
  expect(made).toMatchObject({ code: 0, out: expect.stringContaining(`Wrote ${out}`) })
  await stop()
  const manifest = `${folder}/manifest.json`
  await writeFile(manifest, node.manifestFile())
  const trusted = ['--root', rootNow().toUpperCase(), '--manifest', manifest]
  const under = `Proven under root ${rootNow()}.\n`
  expect(
    await coterie(['state', 'verify-proof', out, ...trusted, '--key', 'public/names']),
  ).toEqual({ code: 0, out: `public/names = {ada, grace}\n${under}`, err: '' })
  const none = await fileOf('public/gone')
  expect(await coterie(['state', 'verify-proof', none, ...trusted])).toEqual({
    ...{ code: 0, out: `public/gone holds nothing\n${under}`, err: '' },
  })
})

test('through a pipe without a root, it says that the proof vouches for itself alone', async () => {
  const { url } = await servedOver(network.nodes[0])
  const made = await coterie(['state', 'prove', 'public/hits', '--url', url])
  const ask = (...flags: string[]) =>
    startCoterie(['state', 'verify-proof', '-', ...flags], { input: made.out }).ended
  const [json, text] = await Promise.all([ask('--json'), ask()])
  expect([json.code, JSON.parse(json.out)]).toEqual([
    0,
    {
      key: 'public/hits',
      root: rootNow(),
      rootFrom: 'proof',
      trie: 'public',
      trieFrom: 'proof',
      entry: { kind: 'counter', key: 'public/hits', value: '5' },
      warnings: [{ code: 'ROOT_NOT_GIVEN', text: expect.stringContaining('somebody you trust') }],
    },
  ])
  expect(text).toMatchObject({ code: 0, out: expect.stringContaining('anybody can make a proof') })
})

test('a no of the command has its exit code, its code and its next step', async () => {
  const file = await fileOf('public/never')
  const asked = await Promise.all(
    [
      ['--root', '00'.repeat(32)],
      ['--root', rootNow().slice(2)],
      ['--root', rootNow()],
    ].map(flags => coterie(['state', 'verify-proof', file, '--json', ...flags])),
  )
  const said = asked.map(({ code, out, err }) => [code, out, JSON.parse(err).error])
  expect(said).toEqual([
    [1, '', expect.objectContaining({ code: 'ROOT_MISMATCH', next: expect.stringMatching(/./) })],
    [2, '', expect.objectContaining({ code: 'BAD_ROOT', next: expect.stringMatching(/./) })],
    [3, '', expect.objectContaining({ code: 'TRIE_UNKNOWN', next: expect.stringMatching(/./) })],
  ])
})

test('the proof of one key is no proof for who asked for another', async () => {
  const trusted = { ...verifier(), key: 'public/names' }
  expect(await shown(await fileOf('public/motd'), trusted)).toEqual([1, 'KEY_MISMATCH'])
  const renamed = await fileOf('public/motd')
  const proof = JSON.parse(await readFile(renamed, 'utf8'))
  await writeFile(renamed, JSON.stringify({ ...proof, key: 'public/names' }))
  expect(await shown(renamed, trusted)).toEqual([1, 'PROOF_INVALID'])
})

test('absence is believed of who knows from the manifest in which trie the key belongs, and else not found out', async () => {
  const file = await fileOf('public/never')
  const unknowing = { ...verifier(), isPublic: undefined }
  expect(await shown(file, verifier())).toMatchObject({ entry: null, trieFrom: 'manifest' })
  expect(await shown(file, unknowing)).toEqual([3, 'TRIE_UNKNOWN'])
  // The public trie truly lacks a private key: a proof of it is that of any absent key whose way down is the same.
  const root = fromHex(rootNow()) ?? new Uint8Array(0)
  const claim = { key: 'hidden', isPublic: true, root }
  const { state } = network.nodes[0]
  const names = Array.from({ length: 200 }, (_, i) => `public/never ${i}`)
  const lie = names
    .map(name => state.prove(name).proof)
    .find(proof => provenContent(decodeKeyProof(proof), claim) === null)
  if (lie === undefined) throw new Error('among 200 names one goes that way')
  await writeFile(file, JSON.stringify(jsonProof({ ...claim, proof: lie })))
  expect(state.get('hidden')).toBeDefined()
  expect(await shown(file, { ...verifier(), isPublic: () => true })).toMatchObject({ entry: null })
  expect(await shown(file, unknowing)).toEqual([3, 'TRIE_UNKNOWN'])
  expect(await shown(file, verifier())).toEqual([1, 'PROOF_INVALID'])
})

test('a file that was changed in any byte says the same, or nothing', async () => {
  const outcomes = new Set<unknown>()
  for (const key of ['public/motd', 'public/never']) {
    const file = await fileOf(key)
    const bytes = await readFile(file)
    const trusted = { ...verifier(), key }
    const genuine = await shown(file, trusted)
    expect(genuine).toMatchObject({ key })
    for (let at = 0; at < bytes.length; at++) {
      const forged = Buffer.from(bytes)
      forged[at] = (forged[at] ?? 0) ^ 0x01
      await writeFile(file, forged)
      const seen = await shown(file, trusted)
      if ('key' in seen) expect(seen, `byte ${at}`).toEqual(genuine)
      outcomes.add('key' in seen ? 'same' : seen[1])
    }
  }
  // The root that the file names decides nothing where another is trusted, except how the refusal is called.
  expect([...outcomes].sort()).toEqual(['BAD_PROOF_FILE', 'KEY_MISMATCH', 'PROOF_INVALID', 'same'])
})

test('what is no proof, or longer than any, is refused before it is believed', async () => {
  const file = `${temporaryFolder()}/proof.json`
  const shaped = { key: 'public/a', root: '00'.repeat(32), proof: 'AQE=' }
  const noise = Uint8Array.from({ length: 4096 }, (_, i) => (i * 197) & 0xff)
  for (const text of [
    '',
    noise,
    '[]',
    JSON.stringify({ ...shaped, more: 1 }),
    JSON.stringify({ ...shaped, key: '\ud800' }),
    JSON.stringify({ ...shaped, key: '' }),
    JSON.stringify({ ...shaped, root: '00' }),
    JSON.stringify({ ...shaped, proof: 'AQE' }),
  ]) {
    await writeFile(file, text)
    expect(await shown(file, verifier()), String(text)).toEqual([2, 'BAD_PROOF_FILE'])
  }
  await writeFile(file, JSON.stringify(shaped))
  expect(await shown(file, verifier())).toEqual([1, 'PROOF_INVALID'])
  await writeFile(file, JSON.stringify({ ...shaped, proof: 'AQEA'.repeat(700_000) }))
  expect(await shown(file, verifier())).toEqual([1, 'PROOF_INVALID'])
  expect(await shown('/dev/zero', verifier())).toEqual([2, 'FILE_TOO_LARGE'])
  expect(await shown(`${file}.gone`, verifier())).toEqual([2, 'FILE_UNREADABLE'])
})

test('a key that is not public has no proof here, and a file that is there stays as it is', async () => {
  const { url } = await servedOver(network.nodes[0])
  const out = `${temporaryFolder()}/proof.json`
  await writeFile(out, 'mine')
  const at = ['--url', url, '--json']
  const [hidden, taken] = await Promise.all([
    coterie(['state', 'prove', 'hidden', ...at]),
    coterie(['state', 'prove', 'public/motd', '--out', out, ...at]),
  ])
  expect([hidden.code, JSON.parse(hidden.err).error.code]).toEqual([2, 'NOT_PUBLIC'])
  expect([taken.code, JSON.parse(taken.err).error.code]).toEqual([3, 'FILE_NOT_WRITTEN'])
  expect(await readFile(out, 'utf8')).toBe('mine')
})
