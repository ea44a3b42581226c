/**
 * C2SP/wycheproof, read where it is present: `COTERIE_VECTORS`, or `../shared/vectors` beside the checkout.
 * Each test prints how many vectors ran; without the files every test is skipped by name.
 */
import * as nodeCrypto from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ml_kem768 as mlKem } from '@noble/post-quantum/ml-kem.js'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/base/bytes.ts'
import { bytesOf } from './hex.ts'
import { cryptoOn, type Platform, platforms } from './twins.ts'

const shared = fileURLToPath(new URL('../../../../shared/vectors', import.meta.url))
const folder = `${process.env['COTERIE_VECTORS'] ?? shared}/wycheproof`
const isAbsent = !existsSync(folder)
const absence = isAbsent ? ' (skipped: no wycheproof vectors here, set COTERIE_VECTORS)' : ''

type Fields = Readonly<Record<string, string>>
interface Vector {
  readonly tcId: number
  readonly result: 'valid' | 'invalid' | 'acceptable'
  readonly flags: readonly string[]
  readonly comment: string
}
interface Group {
  readonly tests: readonly (Vector & Fields)[]
  readonly [field: string]: unknown
}

/** Runs every vector of a file; `judge` answers `undefined` for one that our interface cannot express. */
function runFile(
  platform: Platform,
  file: string,
  judge: (vector: Vector & Fields, group: Group) => 'valid' | 'invalid' | undefined,
): void {
  const { testGroups } = JSON.parse(readFileSync(`${folder}/${file}_test.json`, 'utf8')) as {
    testGroups: readonly Group[]
  }
  const counts = { ran: 0, inexpressible: 0 }
  const wrong: string[] = []
  for (const group of testGroups) {
    for (const vector of group.tests) {
      const judgement = judge(vector, group)
      if (judgement === undefined) counts.inexpressible++
      else {
        counts.ran++
        if (vector.result !== 'acceptable' && judgement !== vector.result) {
          wrong.push(`${vector.tcId} ${vector.result}: ${vector.comment} [${vector.flags}]`)
        }
      }
    }
  }
  process.stdout.write(
    `wycheproof ${file} on ${platform}: ${counts.ran} ran, ${counts.inexpressible} inexpressible\n`,
  )
  expect(wrong).toEqual([])
  expect(counts.ran).toBeGreaterThan(0)
}

const hex = (vector: Fields, field: string): Uint8Array => bytesOf(vector[field] ?? '')
const verdictOf = (holds: boolean): 'valid' | 'invalid' => (holds ? 'valid' : 'invalid')

describe.skipIf(isAbsent).each(platforms)(`wycheproof on %s${absence}`, async platform => {
  const crypto = await cryptoOn(platform)
  const secretOf = (bytes: Uint8Array): InstanceType<typeof crypto.Secret> =>
    new crypto.Secret(bytes.slice())

  test('ed25519', () => {
    runFile(platform, 'ed25519', (vector, group) => {
      const publicKey = bytesOf((group['publicKey'] as { pk: string }).pk)
      const [message, signature] = [hex(vector, 'msg'), hex(vector, 'sig')]
      return verdictOf(crypto.verifySignature({ publicKey, message, signature }))
    })
  })

  test('x25519, where a zero secret is refused', () => {
    runFile(platform, 'x25519', vector => {
      using key = new crypto.AgreementKey(secretOf(hex(vector, 'private')))
      const agreed = key.agree(hex(vector, 'public'))
      const isZero = /^0+$/.test(vector['shared'] ?? '')
      if (isZero) expect(agreed, `vector ${vector.tcId}`).toBeUndefined()
      else expect(agreed?.use(toHex), `vector ${vector.tcId}`).toBe(vector['shared'])
      return isZero && vector.result === 'valid' ? 'valid' : verdictOf(agreed !== undefined)
    })
  })

  test('aes_gcm with 256-bit keys and 96-bit nonces', () => {
    runFile(platform, 'aes_gcm', (vector, group) => {
      const { keySize, ivSize, tagSize } = group
      if (keySize !== 256 || ivSize !== 96 || tagSize !== 128) return undefined
      const context = {
        key: secretOf(hex(vector, 'key')),
        nonce: hex(vector, 'iv'),
        aad: hex(vector, 'aad'),
      }
      const sealed = bytesOf(`${vector['ct']}${vector['tag']}`)
      const opened = crypto.open(context, sealed)
      if (vector.result === 'valid') {
        expect(opened === undefined ? '' : toHex(opened)).toBe(vector['msg'])
        expect(crypto.seal(context, hex(vector, 'msg'))).toEqual(sealed)
      }
      return verdictOf(opened !== undefined)
    })
  })

  test('hkdf_sha256 up to the longest output', () => {
    runFile(platform, 'hkdf_sha256', vector => {
      const options = {
        salt: hex(vector, 'salt'),
        info: hex(vector, 'info'),
        length: Number(vector['size']),
      }
      try {
        const derived = crypto.deriveSecret(secretOf(hex(vector, 'ikm')), options)
        return verdictOf(derived.use(toHex) === vector['okm'])
      } catch {
        return 'invalid'
      }
    })
  })

  test('hmac_sha256', () => {
    runFile(platform, 'hmac_sha256', (vector, group) => {
      const tag = toHex(crypto.hmacSha256(hex(vector, 'key'), hex(vector, 'msg')))
      return verdictOf(tag.slice(0, Number(group['tagSize']) / 4) === vector['tag'])
    })
  })

  test.each([
    ['ecdsa_secp256r1_sha256', 'P-256', 'der'],
    ['ecdsa_secp256r1_sha256_p1363', 'P-256', 'raw'],
    ['ecdsa_secp384r1_sha384', 'P-384', 'der'],
    ['ecdsa_secp384r1_sha384_p1363', 'P-384', 'raw'],
  ] as const)('%s', (file, curve, format) => {
    runFile(platform, file, (vector, group) => {
      const publicKey = bytesOf((group['publicKey'] as { uncompressed: string }).uncompressed)
      const [message, signature] = [hex(vector, 'msg'), hex(vector, 'sig')]
      return verdictOf(crypto.verifyEcdsa({ curve, publicKey, message, signature, format }))
    })
  })

  test('RSASSA-PSS of 4096 bits with SHA-384', () => {
    runFile(platform, 'rsa_pss_4096_sha384_mgf1_48', (vector, group) => {
      const { modulus } = group['publicKey'] as { modulus: string }
      const [message, signature] = [hex(vector, 'msg'), hex(vector, 'sig')]
      // Spelled as an integer of DER, with a zero byte in front.
      return verdictOf(
        crypto.verifyRsaPss({ modulus: bytesOf(modulus).subarray(1), message, signature }),
      )
    })
  })
})

describe.skipIf(isAbsent)(`wycheproof of ML-KEM-768, a part of X-Wing${absence}`, () => {
  /** DER before the 64-byte seed of a private key, as src/crypto/kem.node.ts writes it. */
  const prefix = bytesOf('3054020100300b060960864801650304040204428040')

  test('decapsulation with noble', () => {
    runFile('web', 'mlkem_768', vector => {
      try {
        const { publicKey, secretKey } = mlKem.keygen(hex(vector, 'seed'))
        const shared = mlKem.decapsulate(hex(vector, 'c'), secretKey)
        const isPair = toHex(publicKey) === vector['ek']
        return verdictOf(isPair && toHex(shared) === vector['K'])
      } catch {
        return 'invalid'
      }
    })
  })

  test.skipIf(nodeCrypto.decapsulate === undefined)('decapsulation with OpenSSL', () => {
    runFile('node', 'mlkem_768', vector => {
      const seed = hex(vector, 'seed')
      const der = Buffer.concat([prefix, seed])
      try {
        const key = nodeCrypto.createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
        return verdictOf(
          nodeCrypto.decapsulate(key, hex(vector, 'c')).toString('hex') === vector['K'],
        )
      } catch {
        return 'invalid'
      }
    })
  })

  test('encapsulation with noble, which both platforms use', () => {
    runFile('web', 'mlkem_768_encaps', vector => {
      try {
        const made = mlKem.encapsulate(hex(vector, 'ek'), hex(vector, 'm'))
        const isSame =
          toHex(made.cipherText) === vector['c'] && toHex(made.sharedSecret) === vector['K']
        return verdictOf(isSame)
      } catch {
        return 'invalid'
      }
    })
  })
})
