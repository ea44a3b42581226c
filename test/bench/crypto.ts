/**
 * Each primitive by its native and its portable twin: `node test/bench/crypto.ts [--json]`.
 *
 * Microseconds of CPU per call, the best of several rounds, so that a busy machine shows least. HMAC, HKDF and the
 * native key forms that we do not use are measured too, because they are why the twins are as they are.
 */
import * as nodeCrypto from 'node:crypto'
import { parseArgs } from 'node:util'
import { hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8 } from '../../src/base/bytes.ts'
import * as aeadNode from '../../src/crypto/aead.node.ts'
import * as aeadWeb from '../../src/crypto/aead.web.ts'
import * as agreeNode from '../../src/crypto/agree.node.ts'
import * as agreeWeb from '../../src/crypto/agree.web.ts'
import * as ecdsaNode from '../../src/crypto/ecdsa.node.ts'
import * as hashNode from '../../src/crypto/hash.node.ts'
import { framed } from '../../src/crypto/hash.ts'
import * as hashWeb from '../../src/crypto/hash.web.ts'
import * as kemNode from '../../src/crypto/kem.node.ts'
import * as kemWeb from '../../src/crypto/kem.web.ts'
import { verifyOnCurve } from '../../src/crypto/portable-ecdsa.ts'
import { verifyEd25519 } from '../../src/crypto/portable-ed25519.ts'
import * as signNode from '../../src/crypto/sign.node.ts'
import * as signWeb from '../../src/crypto/sign.web.ts'
import { type CborValue, decodeCbor, encodeCbor } from '../../src/wire/cbor.ts'

interface Row {
  readonly what: string
  readonly bytes: number | null
  readonly native: number | null
  readonly portable: number | null
}

const sizes = [32, 256, 4096, 65_536] as const
const roundMs = 60
const rounds = 4

/** Microseconds of CPU per call. */
function time(action: () => unknown): number {
  for (let i = 0; i < 50; i++) action()
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    const [before, end] = [process.cpuUsage(), performance.now() + roundMs]
    let count = 0
    do {
      action()
      count++
    } while (performance.now() < end)
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, (user + system) / count)
  }
  return Math.round(best * 100) / 100
}

function* symmetric(bytes: number): Generator<Row> {
  const [data, key] = [nodeCrypto.randomBytes(bytes), new Uint8Array(nodeCrypto.randomBytes(32))]
  const [nonce, aad, none] = [new Uint8Array(12), new Uint8Array(100), new Uint8Array(0)]
  for (const [name, native, portable] of [
    ['sha256', hashNode.sha256, hashWeb.sha256],
    ['sha512', hashNode.sha512, hashWeb.sha512],
  ] as const) {
    yield {
      what: name,
      bytes,
      native: time(() => native(data)),
      portable: time(() => portable(data)),
    }
  }
  yield {
    what: 'hmac-sha256, raw key',
    bytes,
    native: time(() => nodeCrypto.createHmac('sha256', key).update(data).digest()),
    portable: time(() => hmac(sha256, key, data)),
  }
  const [nodeKey, webKey] = [aeadNode.importKey(key), aeadWeb.importKey(key)]
  yield {
    what: 'aes-256-gcm seal, key made once',
    bytes,
    native: time(() => aeadNode.sealWith(nodeKey, nonce, aad, data, none)),
    portable: time(() => aeadWeb.sealWith(webKey, nonce, aad, data, none)),
  }
  yield {
    what: 'aes-256-gcm seal, raw key each time',
    bytes,
    native: time(() => aeadNode.sealWith(aeadNode.importKey(key), nonce, aad, data, none)),
    portable: time(() => aeadWeb.sealWith(aeadWeb.importKey(key), nonce, aad, data, none)),
  }
  const sealed = aeadNode.sealWith(nodeKey, nonce, aad, data, none)
  yield {
    what: 'aes-256-gcm open, key made once',
    bytes,
    native: time(() => aeadNode.openWith(nodeKey, nonce, aad, sealed)),
    portable: time(() => aeadWeb.openWith(webKey, nonce, aad, sealed)),
  }
}

function* signatures(bytes: number): Generator<Row> {
  const [data, seed] = [new Uint8Array(nodeCrypto.randomBytes(bytes)), nodeCrypto.randomBytes(32)]
  const [native, portable] = [signNode.signerOf(seed), signWeb.signerOf(seed)]
  yield {
    what: 'ed25519 sign',
    bytes,
    native: time(() => native.sign(data)),
    portable: time(() => portable.sign(data)),
  }
  const signature = native.sign(data)
  yield {
    what: 'ed25519 verify, key seen before',
    bytes,
    native: time(() => signNode.verifyStrict(native.publicKey, data, signature)),
    portable: time(() => verifyEd25519({ publicKey: native.publicKey, message: data, signature })),
  }
}

function* publicKeys(): Generator<Row> {
  const random = (count: number): Uint8Array => new Uint8Array(nodeCrypto.randomBytes(count))
  const [secret, salt, info] = [random(32), random(16), random(120)]
  yield {
    what: 'hkdf-sha256',
    bytes: null,
    native: time(() => nodeCrypto.hkdfSync('sha256', secret, salt, info, 32)),
    portable: time(() => hkdf(sha256, secret, salt, info, 32)),
  }
  const [native, portable] = [agreeNode.agreerOf(secret), agreeWeb.agreerOf(secret)]
  const peer = agreeNode.agreerOf(random(32)).publicKey
  yield {
    what: 'x25519 agree',
    bytes: null,
    native: time(() => native.agree(peer)),
    portable: time(() => portable.agree(peer)),
  }
  for (const [curve, hash] of [
    ['P-256', 'SHA-256'],
    ['P-384', 'SHA-384'],
  ] as const) {
    const pair = nodeCrypto.generateKeyPairSync('ec', { namedCurve: curve })
    const message = random(256)
    const key = { key: pair.privateKey, dsaEncoding: 'ieee-p1363' } as const
    const signature = nodeCrypto.sign(hash.replace('-', ''), message, key)
    const length = curve === 'P-256' ? 65 : 97
    const publicKey = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-length)
    const signed = { curve, hash, publicKey, message, signature, format: 'raw' } as const
    yield {
      what: `ecdsa ${curve} verify, key seen before`,
      bytes: null,
      native: time(() => ecdsaNode.verifyPoint(signed)),
      portable: time(() => verifyOnCurve(signed)),
    }
  }
}

function* kems(): Generator<Row> {
  const random = (count: number): Uint8Array => new Uint8Array(nodeCrypto.randomBytes(count))
  const [seed, entropy] = [random(32), random(64)]
  yield {
    what: 'x-wing key pair',
    bytes: null,
    native: time(() => kemNode.decapsulatorOf(seed)),
    portable: time(() => kemWeb.decapsulatorOf(seed)),
  }
  const [native, portable] = [kemNode.decapsulatorOf(seed), kemWeb.decapsulatorOf(seed)]
  yield {
    what: 'x-wing encapsulate',
    bytes: null,
    native: time(() => kemNode.encapsulateWith(native.publicKey, entropy)),
    portable: time(() => kemWeb.encapsulateWith(native.publicKey, entropy)),
  }
  const ciphertext = kemNode.encapsulateWith(native.publicKey, entropy)?.ciphertext ?? entropy
  yield {
    what: 'x-wing decapsulate',
    bytes: null,
    native: time(() => native.decapsulate(ciphertext)),
    portable: time(() => portable.decapsulate(ciphertext)),
  }
}

/** The codec's own cost, and what checking at run time that re-encoding gives the input would add. */
function* codec(): Generator<Row> {
  const parts = [new Uint8Array(32), new Uint8Array(64), new Uint8Array(200)] as const
  yield {
    what: 'framed, 3 parts',
    bytes: 296,
    native: null,
    portable: time(() => framed('coterie/envelope-body/1', ...parts)),
  }
  const rows = Array.from({ length: 256 }, (_, i) => [
    `key/${i}`,
    2 ** 40 + i,
    i,
    new Uint8Array(32),
  ])
  const value: CborValue = new Map<number, CborValue>([
    [0, 1],
    [1, rows],
  ])
  const encoded = encodeCbor(value)
  const limits = { bytesMax: encoded.length }
  const bytes = encoded.length
  yield {
    what: 'cbor decode, 1,284 items',
    bytes,
    native: null,
    portable: time(() => decodeCbor(encoded, limits)),
  }
  yield {
    what: 'cbor encode, 1,284 items',
    bytes,
    native: null,
    portable: time(() => encodeCbor(value)),
  }
  const line = utf8('small')
  const small: CborValue = new Map<number, CborValue>([
    [0, 1],
    [1, line],
    [2, 7],
    [3, 'name'],
  ])
  const short = encodeCbor(small)
  yield {
    what: 'cbor decode, 9 items',
    bytes: short.length,
    native: null,
    portable: time(() => decodeCbor(short, limits)),
  }
}

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
const rows: Row[] = []
const show = (value: number | null): string => (value === null ? '' : String(value)).padStart(10)
for (const generator of [
  ...sizes.map(symmetric),
  ...sizes.map(signatures),
  publicKeys(),
  kems(),
  codec(),
]) {
  for (const row of generator) {
    rows.push(row)
    if (!values.json) {
      console.log(
        `${row.what.padEnd(40)}${show(row.bytes)}${show(row.native)}${show(row.portable)}`,
      )
    }
  }
}
if (values.json)
  console.log(JSON.stringify({ node: process.version, openssl: process.versions.openssl, rows }))
