/** What software the members run, by the manifest's names for it: how far an upgrade has rolled. */
import type { ReferenceMeasurement } from '../attestation/manifest-document.ts'
import type { MeasurementView, MemberView } from './handle.ts'

/**
 * The measurements that the manifest names, in its order, then others by name. Who is dead does not count: a node that
 * was restarted for an upgrade left its old identity behind.
 */
export function measurementViews(
  named: readonly Pick<ReferenceMeasurement, 'name' | 'validUntil'>[],
  members: readonly Pick<MemberView, 'measurement' | 'state'>[],
): readonly MeasurementView[] {
  const living = members.filter(({ state }) => state !== 'dead')
  const until = new Map(named.map(({ name, validUntil }) => [name, validUntil]))
  const others = living.map(({ measurement }) => measurement).filter(name => !until.has(name))
  return [...until.keys(), ...[...new Set(others)].sort()].map(name => {
    const running = living.filter(({ measurement }) => measurement === name).length
    const share = living.length === 0 ? 0 : running / living.length
    return { name, validUntil: until.get(name) ?? null, members: running, share }
  })
}
