/** Whole nodes in virtual time with the real API in front, for a host that means no good: it sees all that is said, and cuts what it likes. */
import { isCustodyPath } from '../../src/api/custody-contract.ts'
import type { CustodyManifest } from '../../src/attestation/custody/custody-manifest.ts'
import { custodyManifestHash } from '../../src/attestation/custody/custody-manifest.ts'
import { bootReportData } from '../../src/attestation/custody/genesis-output.ts'
import { HostError } from '../../src/base/errors.ts'
import { bytesOfDigest } from '../../src/base/ids.ts'
import type { LogFacts, Logger } from '../../src/base/log.ts'
import type { Attester } from '../../src/host/tee/port.ts'
import type { CoterieNode } from '../../src/node/handle.ts'
import { bootAttestationCodec } from '../../src/wire/custody.ts'
import { misfits } from '../fixtures/documented.ts'
import { genesisRequest, type TestHolder, testHolders } from '../fixtures/holders.ts'
import { raw, servedOver } from '../unit/api/served.ts'
import { entryOf, openedShare } from './custody-people.ts'
import { isWhole, Simulation } from './simulation.ts'

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into as jq does.
type Json = any

const namespace = { namespace_name: 'qos-namespace', namespace_nonce: 12345 }

export interface SiteAnswer {
  readonly status: number
  readonly json: Json
}

/** One TEE of the site. */
export class SiteNode {
  readonly node: CoterieNode
  /** Its machine: a host may have it quote what a node of other code would. */
  readonly attester: Attester
  readonly #site: CustodySite
  readonly #url: string

  constructor(site: CustodySite, parts: { node: CoterieNode; attester: Attester; url: string }) {
    this.#site = site
    this.node = parts.node
    this.attester = parts.attester
    this.#url = parts.url
  }

  get phase(): string {
    return this.node.custody.view().phase
  }

  get(path: string): Promise<SiteAnswer> {
    return this.#ask('GET', path)
  }

  post(path: string, body: unknown): Promise<SiteAnswer> {
    return this.#ask('POST', path, JSON.stringify(body))
  }

  async #ask(method: string, path: string, body?: string): Promise<SiteAnswer> {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const asked = raw(this.#url, method, path, { headers, ...(body !== undefined && { body }) })
    const { status, text } = await this.#site.alongside(asked)
    this.#site.said.push(text)
    const json = text.startsWith('{') ? JSON.parse(text) : text
    if (isCustodyPath(path)) {
      const sent = body === undefined ? undefined : JSON.parse(body)
      const wrong = misfits({ method, path, status, body: sent, answer: json })
      if (wrong.length > 0) throw new Error(wrong.join('\n'))
    }
    return { status, json }
  }

  /** As `POST /enclave/generate-attestation` answers. */
  async attestation(): Promise<Uint8Array> {
    const { json } = await this.post('/enclave/generate-attestation', {})
    return Uint8Array.from(json.result.GenerateAttestationResponse.attestation_doc)
  }

  /** What this machine would attest under another manifest: the node itself keeps to the one it has. */
  async attestedUnder(manifest: CustodyManifest): Promise<Uint8Array> {
    const { record } = bootAttestationCodec.decode(await this.attestation())
    const hash = custodyManifestHash(manifest)
    const reportData = bootReportData('simulated', this.node.id, hash)
    const evidence = await this.attester.quote(reportData, new AbortController().signal)
    return bootAttestationCodec.encode({ record, manifest: bytesOfDigest(hash), evidence })
  }
}

export class CustodySite {
  readonly simulation: Simulation
  readonly holders: readonly TestHolder[] = testHolders(3)
  /** Every answer that left a node. */
  readonly said: string[] = []
  /** Every line that a node wrote. */
  readonly logged: string[] = []
  /** Whether nodes may ask each other for manifest and key by themselves: people carry them here. */
  asksThemselves = false

  constructor(seed: number) {
    this.simulation = new Simulation(seed)
  }

  /** So many nodes that are members of each other, each served until the test ends. */
  async start(count: number): Promise<readonly SiteNode[]> {
    const nodes: SiteNode[] = []
    for (let i = 0; i < count; i++) nodes.push(await this.#startOne(`node-${i}`, i === 0))
    await this.simulation.until(() => nodes.every(({ node }) => isWhole(node, count)))
    return nodes
  }

  /** One node that waits for its boot instruction. */
  async startAlone(): Promise<SiteNode> {
    const [node] = await this.start(1)
    if (node === undefined) throw new Error('a node was started')
    return node
  }

  async #startOne(name: string, found: boolean): Promise<SiteNode> {
    let attester: Attester | undefined
    const { node } = await this.simulation.start(name, {
      found,
      host: host => {
        attester = host.attester
        return {
          ...host,
          log: this.#logger,
          openNet: async parts => {
            const net = await host.openNet(parts)
            const ask = net.ask.bind(net)
            return Object.assign(net, {
              ask: (...given: Parameters<typeof ask>) =>
                given[1].startsWith('custody-') && !this.asksThemselves
                  ? Promise.reject(new HostError('ASK_FAILED', 'cut'))
                  : ask(...given),
            })
          },
        }
      },
    })
    if (attester === undefined) throw new Error('a started node has a machine')
    const { url } = await servedOver(node)
    return new SiteNode(this, { node, attester, url })
  }

  /** Waits for the world outside while virtual time goes on in small steps. */
  async alongside<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false
    const done = (): void => {
      isSettled = true
    }
    promise.then(done, done)
    while (!isSettled) await this.simulation.time.advance(20)
    return promise
  }

  /** The request of a genesis for the holders, two of whom it takes. */
  request(change: object = {}): object {
    return { ...genesisRequest(this.holders, namespace), ...change }
  }

  async genesis(at: SiteNode) {
    const { status, json } = await at.post('/enclave/genesis-boot', this.request())
    if (status !== 200) throw new Error(`genesis: ${JSON.stringify(json)}`)
    return await this.simulation.settle(at.node.custody.genesisOutput())
  }

  /** Entries of `shares`, as these holders hand them over for the node of this attestation. */
  carried(
    made: Awaited<ReturnType<CustodySite['genesis']>>,
    given: {
      readonly attestation: Uint8Array
      readonly by?: readonly TestHolder[]
      readonly manifest?: CustodyManifest
      readonly approvesManifest?: boolean
    },
  ) {
    const { by = this.holders.slice(0, 2), manifest = made.envelope.manifest, ...rest } = given
    return by.map(holder => {
      using share = openedShare(holder, made)
      const { alias, share: bytes } = entryOf({ holder, share, manifest, ...rest })
      return { member_alias: alias, decrypted_share: [...bytes] }
    })
  }

  /** The body of `POST /enclave/inject-shares`. */
  injection(shares: readonly object[]): object {
    return { ...namespace, shares }
  }

  /** The key of two of three holders in this node. */
  async provision(at: SiteNode) {
    const made = await this.genesis(at)
    const { attestation } = made
    const shares = this.carried(made, { attestation })
    const { json } = await at.post('/enclave/inject-shares', this.injection(shares))
    if (json.reconstructed_quorum_key === null) throw new Error(JSON.stringify(json))
    return made
  }

  readonly #logger: Logger = {
    error: (text, facts) => this.#log(text, facts),
    warn: (text, facts) => this.#log(text, facts),
    info: (text, facts) => this.#log(text, facts),
    debug: (text, facts) => this.#log(text, facts),
  }

  #log(text: string, facts: LogFacts = {}): void {
    this.logged.push(`${text} ${JSON.stringify(facts)}`)
  }
}
