import { expect, test } from 'vitest'
import type { Endorsement } from '../../../../src/attestation/endorsements.ts'
import { after, days, milliseconds, minutes } from '../../../../src/base/time.ts'
import { failing, saying } from '../../../fakes/vendor-server.ts'
import {
  amd,
  chainHeader,
  chip,
  epoch,
  intel,
  names,
  openShelf,
  paths,
  pem,
  sayInfo,
  server,
  stranger,
} from '../../../fixtures/endorsement-shelf.ts'
import { eventually } from '../../../fixtures/patience.ts'
import { dcapList } from '../../../forge/dcap-collateral.ts'
import { intelDocument } from '../../../forge/intel-answers.ts'
import { makeSnpAuthority, snpCrl, snpEvidence } from '../../../forge/sev-snp.ts'

test('nothing is at hand at first, and soon what was asked for is, with the chain that signed it', async () => {
  const { shelf, settled } = openShelf()
  expect(shelf.take([names.info]).items).toEqual([])
  const items = await settled(names.info, 1)
  expect(items.map(({ kind }) => kind)).toEqual(['tcb-info', 'certificates'])
  expect(Buffer.from(items[0]!.bytes).toString()).toContain('90C06F000000')
  expect(Buffer.from(items[1]!.bytes).toString()).toBe(intel.tcbChain)
  expect(server.asked).toEqual([paths.info])
})

test('every document of both vendors is read in the format of its service', async () => {
  const identity = intelDocument(intel, { id: 'TD_QE' })
  const header = chainHeader('SGX-Enclave-Identity-Issuer-Chain')
  const certificate = snpEvidence(amd).certificate
  const { replies } = server
  replies.set(paths.identity, saying('application/json;charset=utf-8', identity, header))
  replies.set(paths.signing, saying('application/json', intelDocument(intel, { id: 'QE' }), header))
  const rootList = dcapList(intel, 'root')
  // A PCCS spells it in hexadecimal.
  const spelled = Buffer.from(rootList).toString('hex')
  replies.set(paths.rootList, saying('application/pkix-crl', spelled))
  const listHeader = chainHeader('SGX-PCK-CRL-Issuer-Chain', intel.platformChain)
  const platformList = dcapList(intel, 'issuer')
  replies.set(paths.platformList, saying('application/pkix-crl', platformList, listHeader))
  replies.set(paths.key, saying('application/octet-stream', certificate))
  replies.set(paths.chain, saying('application/x-pem-file', pem(amd.ask, amd.ark)))
  replies.set(paths.amdList, saying('application/pkix-crl', snpCrl(amd)))
  const { shelf, time, codes } = openShelf()
  const all = Object.values(names)
  shelf.take(all)
  await eventually(async () => {
    await time.advance(milliseconds(500))
    expect(codes).toEqual([])
    // One chain signed three documents.
    expect(shelf.take(all).items).toHaveLength(10)
  })
  const held = shelf.take(all).items
  const has = (kind: Endorsement['kind'], bytes: Uint8Array): boolean =>
    held.some(item => item.kind === kind && Buffer.from(item.bytes).equals(bytes))
  expect(has('qe-identity', identity)).toBe(true)
  expect(has('crl', rootList)).toBe(true)
  expect(has('crl', platformList)).toBe(true)
  expect(has('certificates', certificate)).toBe(true)
})

test('what is asked for again is the same object until something under its names changed', async () => {
  const { shelf, settled } = openShelf()
  const before = shelf.take([names.info])
  expect(shelf.take([names.info])).toBe(before)
  await settled(names.info, 1)
  const held = shelf.take([names.info])
  expect(held).not.toBe(before)
  expect(shelf.take([names.info])).toBe(held)
})

test.each([
  'tcb-info tdx 90c06f00000',
  'tcb-info sev 90c06f000000',
  'crl other',
  'crl root/../..',
  'certificates vlek Milan key',
  'crl vcek Rome',
  `certificates vcek Milan ${chip} blSPL=04`,
  `certificates vcek Milan ../../${chip} blSPL=04 teeSPL=01 snpSPL=24 ucodeSPL=219`,
  'http://elsewhere/',
  '',
])('nobody is asked for "%s"', async name => {
  const { shelf, settled } = openShelf()
  expect(shelf.take([name]).items).toEqual([])
  await settled(names.info, 1)
  expect(server.asked).toEqual([paths.info])
})

const later = 'later'
const rarely = 'rarely'
test.each<[string, string, string, () => Parameters<typeof server.replies.set>[1]]>([
  ['answers with an error', 'SOURCE_BROKEN', later, () => failing(503)],
  ['has had enough of us', 'SOURCE_BUSY', later, () => failing(429)],
  ['does not answer', 'SOURCE_TIMEOUT', later, () => () => undefined],
  ['hangs up', 'SOURCE_UNREACHABLE', later, () => response => void response.destroy()],
  [
    'stops in the middle',
    'SOURCE_UNREACHABLE',
    later,
    () => response => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 9_999 })
      response.write('{"tcbInfo":')
      setTimeout(() => response.destroy(), 5)
    },
  ],
  [
    'stops in the middle and says nothing more',
    'SOURCE_TIMEOUT',
    later,
    () => response =>
      void response.writeHead(200, { 'content-type': 'application/json' }).write('{'),
  ],
  ['has none', 'SOURCE_HAS_NONE', rarely, () => failing(404)],
  ['sends elsewhere', 'SOURCE_REDIRECTS', rarely, () => failing(302, { location: '/elsewhere' })],
  ['gives a web page', 'SOURCE_WRONG_TYPE', rarely, () => saying('text/html', '<html>')],
  [
    'gives without an end',
    'SOURCE_TOO_LARGE',
    rarely,
    () => saying('application/json', Buffer.alloc(300_000, 'a')),
  ],
  ['cuts the document', 'BAD_COLLATERAL', rarely, () => sayInfo(intelDocument(intel).slice(0, -1))],
  [
    'changes a letter of it',
    'BAD_ENDORSEMENT',
    rarely,
    () => sayInfo(Buffer.from(Buffer.from(intelDocument(intel)).toString().replace(':18', ':19'))),
  ],
  [
    'has a document of another model',
    'BAD_ENDORSEMENT',
    rarely,
    () => sayInfo(intelDocument(intel, { fmspc: '000000000000' })),
  ],
  ['has one of SGX', 'BAD_ENDORSEMENT', rarely, () => sayInfo(intelDocument(intel, { id: 'SGX' }))],
  [
    'has one that somebody else signed',
    'BAD_ENDORSEMENT',
    rarely,
    () => sayInfo(intelDocument(stranger)),
  ],
  [
    'has one with the chain of somebody else',
    'BAD_ENDORSEMENT',
    rarely,
    () => sayInfo(intelDocument(stranger), stranger.tcbChain),
  ],
  [
    'leaves the chain out',
    'BAD_ENDORSEMENT',
    rarely,
    () => saying('application/json', intelDocument(intel)),
  ],
  ['has a chain that is none', 'BAD_PEM', rarely, () => sayInfo(intelDocument(intel), 'chain')],
  [
    'has a chain in no encoding',
    'BAD_ENDORSEMENT',
    rarely,
    () => saying('application/json', intelDocument(intel), { 'TCB-Info-Issuer-Chain': '%' }),
  ],
  [
    'is stale',
    'SOURCE_STALE',
    rarely,
    () =>
      sayInfo(
        intelDocument(intel, {
          issueDate: after(epoch, days(-40)),
          nextUpdate: after(epoch, days(-10)),
        }),
      ),
  ],
])(
  'a service that %s is asked again, not at once and ever more seldom, and then all is well',
  async (_, code, pace, reply) => {
    server.replies.set(paths.info, reply())
    const { time, codes, settled } = openShelf(
      code === 'SOURCE_TIMEOUT' ? { patience: milliseconds(150) } : {},
    )
    expect(await settled(names.info, 1)).toEqual([])
    expect(codes).toEqual([code])
    const first = pace === later ? 2_499 : minutes(5) - 1
    await time.advance(milliseconds(first))
    expect(server.asked).toHaveLength(1)
    server.replies.set(paths.info, sayInfo())
    await time.advance(pace === later ? 2_501 : minutes(5))
    expect((await settled(names.info, 2)).length).toBe(2)
    expect(codes).toHaveLength(1)
    expect(server.asked).not.toContain('/elsewhere')
  },
)

test.each<[string, string, () => void]>([
  [
    'a list of Intel that somebody else signed',
    names.rootList,
    () => {
      const list = dcapList(stranger, 'root')
      server.replies.set(paths.rootList, saying('application/pkix-crl', list))
    },
  ],
  [
    'a list of an authority that no pinned root knows',
    names.platformList,
    () => {
      const header = chainHeader('SGX-PCK-CRL-Issuer-Chain', stranger.platformChain)
      const list = dcapList(stranger, 'issuer')
      server.replies.set(paths.platformList, saying('application/pkix-crl', list, header))
    },
  ],
  [
    'a list of AMD that somebody else signed',
    names.amdList,
    () => {
      const list = snpCrl(amd, { key: amd.issuer.privateKey })
      server.replies.set(paths.amdList, saying('application/pkix-crl', list))
    },
  ],
  [
    'an authority of AMD that no pinned root knows',
    names.chain,
    () => {
      const { ask } = makeSnpAuthority(epoch, { isOther: true })
      server.replies.set(paths.chain, saying('text/plain', pem(ask)))
    },
  ],
  [
    'an authority in the place of the key of a chip',
    names.key,
    () => void server.replies.set(paths.key, saying('text/plain', pem(amd.ask))),
  ],
])('%s is not kept', async (_, name, prepare) => {
  prepare()
  const { codes, settled } = openShelf()
  expect(await settled(name, 1)).toEqual([])
  expect(codes).toEqual(['BAD_ENDORSEMENT'])
})
