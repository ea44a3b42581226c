import { Secret } from '../../src/base/secret.ts'

/** Runs `action` and tells which secrets were used in it, whoever made them. Looks on, and changes nothing. */
export function watchingSecrets<T>(action: () => T): {
  readonly result: T
  readonly used: ReadonlySet<Secret>
} {
  const used = new Set<Secret>()
  const { use } = Secret.prototype
  Secret.prototype.use = function <R>(this: Secret, inner: (bytes: Uint8Array) => R): R {
    used.add(this)
    return use.call(this, inner) as R
  }
  try {
    return { result: action(), used }
  } finally {
    Secret.prototype.use = use
  }
}
