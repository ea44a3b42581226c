import { vi } from 'vitest'
import type { EcdsaSigned } from '../../../src/crypto/ecdsa.ts'
import type { RsaSigned } from '../../../src/crypto/rsa-algorithms.ts'
import type { Signed } from '../../../src/crypto/sign.ts'

/** The primitives that have a native and a portable form, and the two ways to have signatures checked. */
export const primitives = [
  ...['aead', 'agree', 'at-once', 'ecdsa', 'hash', 'kem', 'p256', 'rsa', 'settled', 'sign'],
] as const

export type Platform = 'node' | 'web'

export const platforms: readonly Platform[] = ['node', 'web']

const twinOf = (name: string, platform: Platform): Promise<object> =>
  import(`../../../src/crypto/${name}.${platform}.ts`)

/**
 * The public crypto modules as they are on one platform: `#crypto/*` leads to that platform's twins.
 *
 * Without this a test would see only the twin of the platform that it runs on.
 */
export async function cryptoOn(platform: Platform) {
  vi.resetModules()
  for (const name of primitives) vi.doMock(`#crypto/${name}`, () => twinOf(name, platform))
  const [
    { withArithmetic },
    { portable },
    aead,
    agree,
    ecdsa,
    hash,
    kdf,
    kem,
    p256,
    rsa,
    sign,
    { Secret },
  ] = await Promise.all([
    import('../../../src/crypto/arithmetic.ts'),
    import('../../../src/crypto/portable.ts'),
    import('../../../src/crypto/aead.ts'),
    import('../../../src/crypto/agree.ts'),
    import('../../../src/crypto/ecdsa.ts'),
    import('../../../src/crypto/hash.ts'),
    import('../../../src/crypto/kdf.ts'),
    import('../../../src/crypto/kem.ts'),
    import('../../../src/crypto/p256.ts'),
    import('../../../src/crypto/rsa.ts'),
    import('../../../src/crypto/sign.ts'),
    import('../../../src/base/secret.ts'),
  ])
  const checks = {
    verifyEcdsa: (signed: EcdsaSigned) => withArithmetic(portable, () => ecdsa.verifyEcdsa(signed)),
    verifyRsaPss: (signed: RsaSigned) => withArithmetic(portable, () => rsa.verifyRsaPss(signed)),
    verifySignature: (signed: Signed) =>
      withArithmetic(portable, () => sign.verifySignature(signed)),
  }
  return {
    ...aead,
    ...agree,
    ...ecdsa,
    ...hash,
    ...kdf,
    ...kem,
    ...p256,
    ...rsa,
    ...sign,
    ...checks,
    Secret,
  }
}

/** The names that a twin exports, sorted. */
export async function exportsOf(name: string, platform: Platform): Promise<readonly string[]> {
  return Object.keys(await twinOf(name, platform)).toSorted()
}
