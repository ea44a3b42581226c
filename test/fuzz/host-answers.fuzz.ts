/** What devices, agents and vendors' services answer to this host. */
import { parseCertificateTable } from '../../src/attestation/sev-snp/certificate-table.ts'
import { InvariantError } from '../../src/base/errors.ts'
import { amdEndorser } from '../../src/host/endorsements/amd.ts'
import { intelEndorser } from '../../src/host/endorsements/intel.ts'
import { cleanTable } from '../../src/host/tee/certificate-table.ts'
import { exactQuote } from '../../src/host/tee/quote-shape.ts'
import { quoteInAttestation } from '../../src/host/tee/scale.ts'
import { bareQuote, certificateTableOf } from '../fakes/bare-quote.ts'
import { epoch } from '../fixtures/network.ts'
import { dcapList } from '../forge/dcap-collateral.ts'
import { intelDocument, makeIntelRoot } from '../forge/intel-answers.ts'
import { makeSnpAuthority, snpCrl } from '../forge/sev-snp.ts'
import { fuzz, type Target, typed } from './harness.ts'
import { type Draw, mutate } from './mutator.ts'

const reportData = new Uint8Array(64).fill(7)
const intel = makeIntelRoot(epoch)
const amd = makeSnpAuthority(epoch)
const base = 'https://endorser.test'
const ofIntel = intelEndorser({ base, anchors: [intel.rootKey] })
const ofAmd = amdEndorser({ base, anchors: [amd.rootKey] })
const chain = encodeURIComponent(intel.tcbChain)

const samples: Readonly<Record<string, readonly Uint8Array[]>> = {
  cleanTable: [
    certificateTableOf([
      ['vcek', amd.ask],
      ['own', reportData],
      ['ask', amd.ask],
    ]),
  ],
  exactQuote: (['sgx-v3', 'tdx-v4', 'tdx-v5-1.0', 'tdx-v5-1.5', 'sev-snp'] as const).map(kind =>
    bareQuote(kind, reportData, 60),
  ),
  quoteInAttestation: [Uint8Array.of(0, 0, 12, 1, 2, 3), Uint8Array.of(0, 0, 2, 1, 0, 0, 1)],
  'a document of Intel': [intelDocument(intel), dcapList(intel, 'root')],
  'a chain in a header': [Buffer.from(chain)],
  'a document of AMD': [amd.ask, snpCrl(amd)],
}

/** What comes out is what verifiers take, or nothing. */
function cleaned(given: Uint8Array): void {
  const table = cleanTable(given)
  if (table.length === 0) return
  try {
    parseCertificateTable(table)
  } catch (cause) {
    throw new InvariantError(`a table in order is not taken: ${String(cause)}`)
  }
}

const targets: Readonly<Record<keyof typeof samples, Target>> = {
  cleanTable: cleaned,
  exactQuote: bytes => {
    for (const platform of ['sgx', 'tdx', 'sev-snp'] as const) {
      typed(given => exactQuote(platform, given, reportData))(bytes)
    }
  },
  quoteInAttestation: typed(bytes => quoteInAttestation(bytes, 64)),
  'a document of Intel': bytes => {
    for (const name of ['tcb-info tdx 90c06f000000', 'qe-identity tdx', 'crl root']) {
      typed(given => answered(ofIntel.request(name), given, chain))(bytes)
    }
  },
  'a chain in a header': typed(bytes =>
    answered(
      ofIntel.request('tcb-info tdx 90c06f000000'),
      intelDocument(intel),
      Buffer.from(bytes).toString(),
    ),
  ),
  'a document of AMD': bytes => {
    const key = `certificates vcek Milan ${'ab'.repeat(64)} blSPL=04 teeSPL=01 snpSPL=24 ucodeSPL=219`
    for (const name of [key, 'certificates vcek Milan', 'crl vcek Milan']) {
      typed(given => answered(ofAmd.request(name), given, ''))(bytes)
    }
  },
}

function answered(
  request: ReturnType<typeof ofIntel.request>,
  bytes: Uint8Array,
  header: string,
): unknown {
  return request?.read(request.itemsOf({ bytes, header: () => header }))
}

fuzz(Object.entries(targets), (draw: Draw, name) => mutate(samples[name] ?? [], draw))
