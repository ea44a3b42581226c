/**
 * Sources of light clients over libp2p, for Node: `coterie/light` asks them beside HTTP origins. What is not named here may change at
 * any time.
 */
export {
  type DialledAnswer,
  type DialledQuestion,
  type DialledSource,
  type LightDialler,
  type LightDiallerOptions,
  type LightDiallerPorts,
  openLightDialler,
} from './host/net/light-dialler.ts'
