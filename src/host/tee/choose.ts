/** Which TEE this machine offers. The manifest says what is trusted; here is only what there is. */

import type { PlatformName } from '../../attestation/platforms.ts'
import { CoterieError, UsageError } from '../../base/errors.ts'
import { ConfigfsAttester, configfsPlatform, configfsRoot } from './configfs.ts'
import type { DeviceFiles } from './device-files.ts'
import { DstackAttester, dstackSocket, dstackSockets, tappdSocket } from './dstack.ts'
import { checkGramine, GramineAttester, gramineRoot } from './gramine.ts'
import { checkNitro, NitroAttester, type NitroPlaces, nitroPlaces } from './nitro.ts'
import type { Attester } from './port.ts'

/** Where the interfaces of TEEs are looked for. */
export interface TeePlaces {
  readonly gramine: string
  readonly configfs: string
  readonly dstack: readonly string[]
  readonly tappd: string
  readonly nitro: NitroPlaces
}

/** The places on every real machine. */
export const usualPlaces: TeePlaces = {
  gramine: gramineRoot,
  configfs: configfsRoot,
  dstack: dstackSockets,
  tappd: tappdSocket,
  nitro: nitroPlaces,
}

/** One way to evidence, and whether it is open. */
export interface TeeOffer {
  readonly interface: 'gramine' | 'configfs' | 'dstack' | 'nsm'
  readonly state:
    | { readonly kind: 'ready'; readonly platform: PlatformName; open(): Attester }
    /** `TEE_NOT_OFFERED` where nothing hints at it; another code where something is there and does not work. */
    | { readonly kind: 'closed'; readonly error: CoterieError }
}

/**
 * What each interface says, in the order in which one is chosen: Gramine, because an enclave sees nothing else of its machine; the
 * kernel before the agent of dstack, which only stands between. Nothing else is offered where Nitro's module is.
 */
export async function teeOffers(
  files: DeviceFiles,
  places: TeePlaces = usualPlaces,
): Promise<readonly TeeOffer[]> {
  return await Promise.all([
    offer('gramine', async () => {
      await checkGramine(files, places.gramine)
      return { platform: 'sgx', open: () => new GramineAttester(files, places.gramine) }
    }),
    offer('configfs', async () => {
      const platform = await configfsPlatform(files, places.configfs)
      const open = () => new ConfigfsAttester(files, { platform, root: places.configfs })
      return { platform, open }
    }),
    offer('dstack', async () => {
      const socket = await dstackSocket(files, places.dstack, places.tappd)
      return { platform: 'tdx', open: () => new DstackAttester(socket) }
    }),
    offer('nsm', async () => {
      await checkNitro(files, places.nitro)
      return { platform: 'nitro', open: () => new NitroAttester(places.nitro.helper) }
    }),
  ])
}

async function offer(
  name: TeeOffer['interface'],
  find: () => Promise<{ readonly platform: PlatformName; open(): Attester }>,
): Promise<TeeOffer> {
  try {
    return { interface: name, state: { kind: 'ready', ...(await find()) } }
  } catch (error) {
    if (!(error instanceof CoterieError)) throw error
    return { interface: name, state: { kind: 'closed', error } }
  }
}

/**
 * The first interface that is open, of `wanted` alone unless that is `auto`.
 *
 * @throws {UsageError} `TEE_NONE` with what each interface lacks.
 */
export async function chooseAttester(
  files: DeviceFiles,
  wanted: PlatformName | 'auto',
  places: TeePlaces = usualPlaces,
): Promise<Attester> {
  const offers = await teeOffers(files, places)
  for (const { state } of offers) {
    if (state.kind !== 'ready') continue
    if (wanted === 'auto' || wanted === state.platform) return state.open()
  }
  const name = wanted === 'auto' ? 'no TEE' : `no TEE of the platform ${wanted}`
  const why = offers.map(each => `${each.interface}: ${wordOf(each)}`).join('; ')
  throw new UsageError('TEE_NONE', `This machine offers ${name} (${why}).`, {
    next: 'See what is missing: coterie doctor. On a testnet, --tee simulated needs no hardware.',
  })
}

const wordOf = ({ state }: TeeOffer): string =>
  state.kind === 'ready' ? state.platform : state.error.code
