import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { approvalMessage, isApproval } from '../../../../src/attestation/custody/approvals.ts'
import { exportMessage, isSignedExport } from '../../../../src/attestation/custody/transfers.ts'
import { concatBytes, toHex, utf8 } from '../../../../src/base/bytes.ts'
import type { Digest } from '../../../../src/base/ids.ts'
import { Secret } from '../../../../src/base/secret.ts'
import { open, seal } from '../../../../src/crypto/aead.ts'
import { verifyEcdsa } from '../../../../src/crypto/ecdsa.ts'
import { framed } from '../../../../src/crypto/hash.ts'
import { isMnemonic, mnemonicStrengths } from '../../../../src/crypto/mnemonic.ts'
import { QuorumKeys, quorumPurposes, signingPoint } from '../../../../src/crypto/quorum-keys.ts'
import { verifySignature } from '../../../../src/crypto/sign.ts'
import {
  appMessage,
  deriveForCaller,
  mnemonicFrom,
  openForCaller,
  sealForCaller,
  signForCaller,
} from '../../../../src/protocol/custody/uses.ts'
import { domains } from '../../../../src/wire/domains.ts'
import { random } from '../../../fakes/custody-people.ts'

const keysOf = (byte: number): QuorumKeys =>
  QuorumKeys.of(new Secret(new Uint8Array(32).fill(byte)))!
const keys = keysOf(7)
const message = utf8('pay nobody')
const manifest = 'ab'.repeat(32) as Digest
const suites = ['p256', 'ed25519'] as const
const hexOf = (secret: Secret): string => secret.use(toHex)

describe('a signature for a caller', () => {
  test('verifies over the domain, the caller and the message, and over nothing less', () => {
    const { signature, publicKey } = signForCaller(keys, {
      suite: 'ed25519',
      caller: 'app',
      message,
    })
    const holds = (over: Uint8Array): boolean =>
      verifySignature({ publicKey, message: over, signature })
    expect(holds(appMessage('app', message))).toBe(true)
    expect(holds(message)).toBe(false)
    expect(holds(appMessage('other', message))).toBe(false)
    const p256 = signForCaller(keys, { suite: 'p256', caller: 'app', message })
    const given = { curve: 'P-256', format: 'raw', ...p256 } as const
    expect(verifyEcdsa({ ...given, message: appMessage('app', message) })).toBe(true)
    expect(verifyEcdsa({ ...given, message })).toBe(false)
  })

  test('is never one of the quorum itself, whatever a caller has signed', () => {
    const exported = new Uint8Array(200).fill(3)
    // What an attacker would most like to have signed, and the same with the frames of an act taken off.
    const wanted = [
      exportMessage(exported),
      exported,
      approvalMessage('manifest', manifest),
      framed(domains.checkpoint, exported),
      framed('coterie/rollup/1', exported),
    ]
    const asAlias = { alias: 'quorum', key: toHex(signingPoint(keys.publicKey)) }
    const set = { members: [asAlias], threshold: 1 }
    fc.assert(
      fc.property(
        fc.oneof(fc.constantFrom(...wanted), fc.uint8Array({ maxLength: 300 })),
        fc.string({ maxLength: 20 }),
        fc.constantFrom(...suites),
        (given, caller, suite) => {
          const { signature, publicKey } = signForCaller(keys, { suite, caller, message: given })
          expect(isSignedExport(keys.publicKey, exported, signature)).toBe(false)
          const approval = {
            role: 'manifest',
            alias: 'quorum',
            signature: toHex(signature),
          } as const
          expect(isApproval(approval, set, approvalMessage('manifest', manifest))).toBe(false)
          expect(publicKey).not.toEqual(signingPoint(keys.publicKey))
          for (const act of wanted) {
            expect(verifySignature({ publicKey, message: act, signature })).toBe(false)
            const ecdsa = { curve: 'P-256', format: 'raw', message: act, signature } as const
            expect(verifyEcdsa({ ...ecdsa, publicKey: signingPoint(keys.publicKey) })).toBe(false)
            if (suite === 'p256') expect(verifyEcdsa({ ...ecdsa, publicKey })).toBe(false)
          }
        },
      ),
    )
  })

  test('the key of every use differs from that of every other', () => {
    const context = utf8('context')
    const all = quorumPurposes.map(purpose => hexOf(keys.derive(purpose, context)))
    const caller = hexOf(deriveForCaller(keys, { caller: 'app', context }))
    const other = hexOf(deriveForCaller(keys, { caller: 'other', context }))
    const seed = keys.useSeed(hexOf)
    const distinct = new Set([...all, caller, other, seed])
    expect(distinct.size).toBe(quorumPurposes.length + 3)
  })
})

describe('what is sealed for a caller', () => {
  const sealed = sealForCaller(keys, { caller: 'app', plaintext: message, random })

  test('opens for that caller, on any node that holds the key', () => {
    expect(openForCaller(keysOf(7), { caller: 'app', sealed })).toEqual(message)
    const again = sealForCaller(keys, { caller: 'app', plaintext: message, random })
    expect(toHex(again)).not.toBe(toHex(sealed))
  })

  test('and for nobody else, under no other key, and not when a bit is changed', () => {
    const no = { code: 'NOT_OPENED' }
    expect(openForCaller(keys, { caller: 'other', sealed })).toMatchObject(no)
    expect(openForCaller(keysOf(8), { caller: 'app', sealed })).toMatchObject(no)
    for (let bit = 0; bit < 8 * sealed.length; bit += 3) {
      const changed = sealed.slice()
      changed[bit >> 3]! ^= 1 << (bit & 7)
      expect(openForCaller(keys, { caller: 'app', sealed: changed })).toMatchObject(no)
    }
    for (let length = 0; length < sealed.length; length += 5) {
      const cut = sealed.subarray(0, length)
      expect(openForCaller(keys, { caller: 'app', sealed: cut })).toMatchObject(no)
    }
  })

  test('opening never opens a checkpoint, a share or anything else that was sealed for the quorum', () => {
    const context = utf8('checkpoint 1')
    for (const purpose of quorumPurposes) {
      using key = keys.derive(purpose, context)
      const nonce = new Uint8Array(12)
      const foreign = seal({ key, nonce, aad: context }, message)
      // As it lies there, and dressed up as if it had been sealed for a caller.
      for (const bytes of [foreign, concatBytes(new Uint8Array(32), foreign)]) {
        const opened = openForCaller(keys, { caller: 'app', sealed: bytes })
        expect(opened).toMatchObject({ code: 'NOT_OPENED' })
      }
      const ours = sealed.subarray(32)
      expect(open({ key, nonce, aad: context }, ours)).toBeUndefined()
    }
  })
})

describe('words', () => {
  const words = (type: string, data: string, strength: (typeof mnemonicStrengths)[number] = 256) =>
    mnemonicFrom(keys, { kind: 'named', type, data }, strength)

  test('of one name are the same on every node that holds the key, and others under another key', () => {
    const named = { kind: 'named', type: 'test-seed', data: 'test-data' } as const
    expect(mnemonicFrom(keysOf(7), named)).toBe(words('test-seed', 'test-data'))
    expect(mnemonicFrom(keysOf(8), named)).not.toBe(words('test-seed', 'test-data'))
    expect(words('test-seed', 'test-data').split(' ')).toHaveLength(24)
  })

  test('of other names are others, also where the names run together', () => {
    const all = [words('ab', 'c'), words('a', 'bc'), words('abc', ''), words('', 'abc')]
    expect(new Set(all).size).toBe(all.length)
  })

  test('of each strength are a mnemonic, and none is the beginning of another', () => {
    const all = mnemonicStrengths.map(strength => words('test', 'data', strength))
    expect(all.every(isMnemonic)).toBe(true)
    expect(all.map(one => one.split(' ').length)).toEqual([12, 15, 18, 21, 24])
    expect(new Set(all.map(one => one.split(' ').slice(0, 11).join(' '))).size).toBe(all.length)
  })

  test('drawn by chance differ each time', () => {
    const [one, other] = [1, 2].map(() => mnemonicFrom(keys, { kind: 'random', random }))
    expect(one).not.toBe(other)
    expect(isMnemonic(one!)).toBe(true)
  })
})
