/** A pin outlives the manifest that it names: what nodes serve leads from it to the one in force. */
import { expect, test } from 'vitest'
import { pinnableMax } from '../../../src/attestation/manifest-lineage.ts'
import { isRefusal } from '../../../src/attestation/verdict.ts'
import { trustOf } from '../../../src/light/trust.ts'
import { ManifestKeeper } from '../../../src/node/manifest-keeper.ts'
import {
  nextManifest,
  rotatedManifest,
  type TestNetwork,
  testNetwork,
} from '../../fixtures/network.ts'

const silent = { changed: () => undefined, contradicted: () => undefined }
const founding = testNetwork({ seed: 'later manifests' })

/** The next manifest of the same set: another limit, as a release changes a measurement. */
const kept = (network: TestNetwork): TestNetwork =>
  nextManifest(network, manifest => ({
    ...manifest,
    limits: { ...manifest.limits, newIdentitiesPerHour: manifest.limits.newIdentitiesPerHour + 1 },
  }))

/** The nonce that whoever pinned this manifest believes of what is served, or the code of why none. */
const believed = (served: Uint8Array, pinned: TestNetwork): number | string => {
  const trust = trustOf([served], { network: founding.network, manifest: pinned.hash }, 0)
  return isRefusal(trust) ? trust.code : trust.manifest.nonce
}

test('a pin lasts for many manifests of one set, across changes of the set, and gives way to the bound alone', () => {
  const keeper = new ManifestKeeper(founding.envelopeBytes, silent)
  const history = [founding]
  for (let step = 0; step < pinnableMax + 6; step++) {
    const last = history.at(-1) ?? founding
    const next = step % 9 === 4 ? rotatedManifest(last, `set ${step}`) : kept(last)
    expect(keeper.consider([next.envelopeBytes]).kind).toBe('taken')
    history.push(next)
  }
  const served = keeper.file()
  const head = history.at(-1)?.manifest.nonce
  const found = history.map(each => believed(served, each))
  const lost = found.filter(each => each === 'MANIFEST_NOT_PINNED').length
  expect(found.slice(lost)).toEqual(history.slice(lost).map(() => head))
  expect(history.length - lost).toBeGreaterThan(pinnableMax)
  expect(lost).toBeGreaterThan(0)
  // A node that boots from what was served proves it all again, and serves the same.
  expect(new ManifestKeeper(served, silent).file()).toEqual(served)
})

test('what was approved by nobody who followed from the pin is believed by nobody', () => {
  const one = kept(founding)
  const [mine, other] = [rotatedManifest(one, 'mine'), rotatedManifest(one, 'other')]
  const keeper = new ManifestKeeper(founding.envelopeBytes, silent)
  for (const next of [one, other, kept(other)]) keeper.consider([next.envelopeBytes])
  expect(believed(keeper.file(), one)).toBe(kept(other).manifest.nonce)
  expect(believed(keeper.file(), mine)).toBe('MANIFEST_NOT_PINNED')
})
