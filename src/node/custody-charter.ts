/**
 * Who may have a custody manifest in this network. On a testnet anybody who asks, because its founding block, which nobody changes, says that
 * nothing in it is worth a thing; everywhere else those that the network's manifest names.
 */
import type { ParsedManifest } from '../attestation/manifest.ts'
import { networkCharter } from '../protocol/custody/charter.ts'
import type { Charter } from '../protocol/custody/types.ts'

const openCharter: Charter = {
  genesisFlaw: () => undefined,
  manifestFlaw: () => undefined,
  namesHolders: false,
}

export function charterOf(manifest: ParsedManifest): Charter {
  return manifest.founding.testnet ? openCharter : networkCharter(manifest)
}
