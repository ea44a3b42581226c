import { vi } from 'vitest'

/** The primitives that have a native and a portable form. */
export const primitives = ['aead', 'agree', 'ecdsa', 'hash', 'kem', 'rsa', 'sign'] as const

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
  const [aead, agree, ecdsa, hash, kdf, kem, rsa, sign, { Secret }] = await Promise.all([
    import('../../../src/crypto/aead.ts'),
    import('../../../src/crypto/agree.ts'),
    import('../../../src/crypto/ecdsa.ts'),
    import('../../../src/crypto/hash.ts'),
    import('../../../src/crypto/kdf.ts'),
    import('../../../src/crypto/kem.ts'),
    import('../../../src/crypto/rsa.ts'),
    import('../../../src/crypto/sign.ts'),
    import('../../../src/base/secret.ts'),
  ])
  return { ...aead, ...agree, ...ecdsa, ...hash, ...kdf, ...kem, ...rsa, ...sign, Secret }
}

/** The names that a twin exports, sorted. */
export async function exportsOf(name: string, platform: Platform): Promise<readonly string[]> {
  return Object.keys(await twinOf(name, platform)).toSorted()
}
