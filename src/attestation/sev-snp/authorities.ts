/**
 * AMD's intermediate authorities: ASK certifies VCEKs, ASVK certifies VLEKs, one of each for a product. Constants, so that no host
 * has to bring them. Published at kdsintf.amd.com (`/vcek/v1/<product>/cert_chain`, `/vlek/v1/<product>/cert_chain`); each is
 * signed by its product's root, which `roots.ts` pins.
 */
import { bytesOfConstant, equalBytes, toHex } from '../../base/bytes.ts'
import { assert } from '../../base/errors.ts'
import { type Timestamp, timestamp } from '../../base/time.ts'
import { sha256 } from '../../crypto/hash.ts'
import { rsaPublicKey } from '../../crypto/rsa-key.ts'
import type { KeyKind } from './endorsement-key.ts'
import type { Product } from './products.ts'
import { amdRoots } from './roots.ts'

/** What is known of an intermediate authority, without asking anybody. */
export interface KnownAuthority {
  readonly commonName: string
  /** As lists of revoked certificates name it. */
  readonly serial: string
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array
  readonly notBefore: Timestamp
  readonly notAfter: Timestamp
  /** SubjectPublicKeyInfo, DER, of the product's root. */
  readonly rootKey: Uint8Array
}

interface Published {
  readonly serial: string
  /** SHA-256 of the certificate. */
  readonly digest: string
  readonly notBefore: string
  readonly notAfter: string
  /** Of an RSA key of 4096 bits. */
  readonly modulus: readonly string[]
}

const askMilan: Published = {
  serial: '010001',
  digest: '67d303bd3905fd38db8b20e0793699870e7fa612eaad5dec358293fd8c0bac1b',
  notBefore: '2020-10-22T18:24:20Z',
  notAfter: '2045-10-22T18:24:20Z',
  modulus: [
    '9d4d9daeb3537db84d4089657fe5b6cbe44e09b4b321dd5a2997edd93f738d940ece319c725d7b8b598829697b353701d15617b77271652cce663b232cd54010',
    'dd8c1a3f5389e74bf907b02995f4266404b988e6f962a4b0bb7181d2e9f44ec464dc0d0ea575af4a913f9b41f0e5a4c906c874b7aee1a0b3ee3fd2975164072b',
    '5ebfdb1b146cededcc278f38bd9bb9e8aac93eb91541a77f889f7e503dd723f187e51269c704dbee5032612c224c5bc28e8cfebef8f85bb378828ad25c00d12d',
    '5b8a93345a0a5b708795b7120a34ccf0ab0d6d4c7703c7a4e4454b8d9587d69b7d1374dfa51e97c9f40a9d8ea497968420fc1d5b778561aa8214fac8a3da504f',
    'a5ae0d23f82426096d99de28a21b663cd7909b773501b7d84ba46089816fd482926f7e7d2e4b64583da23cee6cc5f7f8d901a125c8ece3ef9c73318eea7d9b0e',
    '6c7ba41457b1aaa420364cdca9a259ae43e7006b157b26a1c4f1d97da567fe6376ab6fef628850b016de25025270e43d024d14c2d58e585850c10ab03fbc69e6',
    '4e7a86f02fa38d4012edc8e347cab838f8720e62513e7682fd91b9b8fd0ad33e86a0eff7b9e9fdc2ab210ae1de80b4e939e1c42512ab405af83d523054e074f9',
    'e6cee45828c8ec38de7c850f950a043c4407804aa3fd2e0222872d1bef80b6ce45b53c280448b35128a848e617c52dae64165768548f0ceac2f1c57a2f2b3f13',
  ],
}
const asvkMilan: Published = {
  serial: '010101',
  digest: 'c5e081f59b7efab1fe2f8b505e159704e72f29cab7ef7cf628a05a42439082f5',
  notBefore: '2022-11-16T22:45:24Z',
  notAfter: '2047-11-16T22:45:24Z',
  modulus: [
    'd44516933e454cfcfeb964f68421328ac6a6f0546e5d90264b797ead781209e4b5434fb5a257271522698b07ecb1f868bad26a78fca272ef8e8645f5df53cc78',
    'efd53ad1f7ba92b860d266ab7e88269ed95889b99cad9f24d9181075b49bf35770803d5368879796c043971b1a9f7bfc568e2785661a84cc57ae7c628c7fa651',
    '6665115f45cb30da1c8d86a525d60cdda6720880f932814a2f14481a6b42154a018b1d085942279b34b2d255645545ebded2df78ce544845176bcfce1c7243fd',
    '1fd0d301433241ac5265b3c834a6d5e933e6b6bc0057d50fd50ab8d7cc67f48f82d12b16bad3ffe52d4e88bf0e4f34380af81b1ce7ddd85df256fe310c1cdae1',
    '27a51768a0a037fe045e1723f2081c92f6379b8acb7fa09120765e5ea9ae8860566a9116f056f4e4c211adf65a15eed2dd59d5a6c42836772e966df7f0ab83ac',
    'f23e95c32d1fed2c71e949a3d18fb093cc789e28c4f3f90e91ac209070719f6800ff113358e7a687bcd2516606f35c3509be72ebddd6323afbe7fc3b4a8424a2',
    '989ca79fb2de9f802b0d5415c1744f7b7851fdab0213609a8d3ee4182d403ad53342e20a652d83d1093be20dbdec984b1e91019508b28d127e2c2599371f6e25',
    'c8b11b2cdabfa7e2396c7853cb96851cc7b3c9ef0c075c4b82d6df5b4f940f4178e2bf0468a6413bbb84ce4c0c564bd02f5d58ae69b825097b1e88daf4aabf27',
  ],
}
const askGenoa: Published = {
  serial: '020002',
  digest: '5464738c1546aed5f2cecf1dc98c5c960a92e8913238a61711bc90ec6e828521',
  notBefore: '2022-10-31T13:33:48Z',
  notAfter: '2047-10-31T13:33:48Z',
  modulus: [
    'a07261be4e05c309306f4dc031f2f24972525e611a09931345b2e03da8f8a04cda0fdb467f1092c3f9ec0808971d069652dfbe6e76e324ed394ca4f977e09daf',
    '3e3f7e2441a5b85fd31cef875d4efb025304f8f7b82cc39b8f2f119f25e525cc3b8c1dfd0ab0b2b7a314444f0ff1dd7efd66182316eda734ba0f2dac3cea19ef',
    'a5fa9f0d323a7f12a043636bddf212da54b992f978c0aa561535192c87d693cd260bd7dfdc4eb0439aa436cbc936df3365da55baabf06d40ea56195b37116bc1',
    '1dbfd09dfddfdd2f7e942e07da3743cbdca7ee4ab24d6ab8582067138aa160946892e958b7331933522593867a44f90e4d1d4c27881d16d8fb94a9ab912b8ea0',
    '9626aa1248b1027ce789406c9c9b814ef3cb3580c2edee6ac96460a5040107f68dae47ca5dc806a3b3a6a637d52a4acdb97c357bde6726d13249707dee220cb2',
    '36e53f64bbd0957ad0d889f09b7467ae1dd4f064105e996e0d139ecbee2115f3ecf3f27c6783c38c5ffff8a579ed5aa9906c402704bbf64e84e07751f6cd846d',
    '8720cb737575d7dffe1674d6d7b2cae9b2b34c28049c21d011c02dd210d02cb17bf7dfb69594f1c5f044a1db8065ac7a2238003028ba7b565f28f25291dbdbda',
    '6dc1c1f3fc6e7886efe00426fd563849a7049735a55402b6d6c952875b8b4ed57de9f925152a02f48cdce6d640ecd2006cec1a7a488a0c05a56ea6f45eee6155',
  ],
}
const asvkGenoa: Published = {
  serial: '020101',
  digest: '197e610743a917d6b9bb982a5a9226ccc0a15b611be0619e626aca9151457372',
  notBefore: '2022-11-18T20:48:34Z',
  notAfter: '2047-11-18T20:48:34Z',
  modulus: [
    'ccbdbfc62847b1c129c52dfe3ac419a40b8d20919211066b92858fb6a28c8e364ec9730c4470217939b9e848b431bf1325995b1834b9c7f01d6e8c2cb469a91e',
    'a876cef4af8d93bb578bfa16df38a7bd4fe865df395110802b9ab62b337c8c05ad1424fdc994ec7b8969d06ae97b5813ea8124c8eeb3c0b45b05bf21663d8faa',
    '4d6c40354a752f560eadf3dcdf13e01c07950308aab4f71eeac3eacfb7da53a44721d1fd5b1dd445265a605864ead36a211fd6d3fba6aef243e9bcc6b79b6a7c',
    'cdd208aadbae486eacac88a6ae9b76e25b2be2d2e1406eb947f45b5494fd32c2b850ba5b0143b93707652f06e7a4b587894c2862bc92303f25df1443be13e622',
    '7957105128f256a1718965c6224947ca2aa80eb1de33c52a691f84481a41e7dc9f83fc9c0e1249ca80a0b8a19fbe62883b54dbe66590f9ca81c36ce54d4b7b8e',
    '35ca97a7da7ec13a7472866c3201404693739c3171ec27a286a432724d509a0b77d65f77b1e08bf82e4b8a440e8ef72bb7cc73f6dcdfee6c4f3f63291f7c88cc',
    '6ed068380cdd5829fd944e1a9a8e1567ef1ec08bad6406260b94c840efb0594a8a62bd220286dc70c9d97498d43918d5a2a550f9d2ebfbfd68b64dfa81f3dcd0',
    'ba6685664a7c05c5f6c82f62d42371a47dc251abf32491b59d98256a1fb91ef38181493c45d1c009db011ff4e61066a20ec232dd45f582929a4bba25f45e718f',
  ],
}
const askTurin: Published = {
  serial: '030001',
  digest: '5b77ef5fe7a7a004fd9032668fba9d0fda22f88c4442069a479636a6ae3b3185',
  notBefore: '2023-05-15T20:25:21Z',
  notAfter: '2048-05-15T20:25:21Z',
  modulus: [
    '9ef8391abbf612677d94084a74eeb845753750449be894e6d078737afc753f2c629f162a24bdf6f6a4c93345e6768ccb61beebb07c60339236a54d7c33c81e72',
    'dda937f601d8b435fdb22adfb4cf0db83bca6d0c37a2a467a684471017d2fa18b5d0f23718c30148e946909ed4571c01ebff12cda7fc5cf51b54e60b65dea534',
    '2a68aa66b7a9a70d64821c256c42863481289b79a1ba76833a3a235409b297682eca1c7e5bffde810f50c9f3833e247a8f0a51611ea509c33285e50c63e30816',
    '019ccaf143e188d1a3ac5ebe4c1765146752cc4ab0d633ab0931ddb98c8b2bee4e437388c384bebd978e568c496a34c859db2a60fd832dcd0790bd2a58eba610',
    'eaeb736ff80de1134a10743322291f4e6449a97240dd9e3793faa6d381f3885d74275b24f11ea670fe16a41aa75ba4c372bcb81720781480176debe94b53f147',
    '3987b32c597dcca198841dc4a40d043c21e75393b08b8ec2ba4bb6ff95f2aa7d889184a806911bec11dfcc0cd72e98764a220cdab09c206a0cd2820894a3d8d7',
    'a771169bce1fab2c4d5f34aeb4f07ba83e4ffd42c007eabd420bebcc2f179de68b3f430dac784cf3451e8e6b014c892d32f16859521e9580cb75ca22d1e303e4',
    '345c71fb20ad8698ea1ffefea7fdb6083e997d3d509a6e48f445dfca32aa734d14c979bffb562e052c0a13d4e8d0900b5ed06aaafc9aedb29f2cae1c4b392555',
  ],
}
const asvkTurin: Published = {
  serial: '030101',
  digest: '104e10a8bd060a3c20a434261a57d0588fd65a88915b4f65b08bdecaf8df1a3c',
  notBefore: '2023-05-15T21:09:41Z',
  notAfter: '2048-05-15T21:09:41Z',
  modulus: [
    'a63aee8b89746688048747c37557c9e2e9e8c061a8964db05f2ce36e30bf7e7aa5845aa2163d4948a764612bf33d57e00d1d0c53658b972b6b006a8e1d805d93',
    '8328cf7c474d726eb3be4d79fd04059a4693d3383d0185fa74ea622fa10e0baad78c1050496d37dc06ba79d479a333d1eea17c26ac0debe4ca920b329a27bd3b',
    'da338f51022a42bd38263d14e4400f218e5ded03a47b4bf1ca4e7ebf4374fbe00d017f280ae3d2cb91d1c5d395a8d2967daa63f2862d1187d7a96342fefd3d9e',
    'd7b7e88567026af804f8a17918ee5720dcee9f02a89420b21f7f77d220266f5befe6fe0f8a69c6b1f1f889ce24200a51d61640a54dd81b7a9413ce2a91be5210',
    '0490b136424f426ffc0c42f52a39876c2b695cd6cfa1afa4f1c4b512afb9ee6f7a19303e3162a49313e59ec298db9773ed2571549930749bb301521ca2ada781',
    '74503a0f9ee216c3f7631838e41974bd5b9336377cd549b9fde1c27108ccce4f320b85c5ff9496ada28b257f1beab9c147f0fa52f7104c86e3787d33e5364fe8',
    '55b43ac3ca7110c89ba342bc43e80eaaacdd566ea2ee3a2da1bb2e6311f51edb63b1ceb5bd2b244834f82643e3a935a2c8e9ac148fba39bfe1c9afdfaa97b410',
    'fcbaf133e4f3908e0bbbaa34cceee7cc5bd2e02db746de7a30f1dbd99145b88f34be6d9f02bd2859990e9799592660cef9f62be4904caf3464a9fc62ad9229f5',
  ],
}

const published: Readonly<Record<Product, Readonly<Record<KeyKind, Published>>>> = {
  Milan: { vcek: askMilan, vlek: asvkMilan },
  Genoa: { vcek: askGenoa, vlek: asvkGenoa },
  Turin: { vcek: askTurin, vlek: asvkTurin },
}

/** SHA-256 of the certificates of the roots. */
const rootDigests: readonly string[] = [
  '69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd',
  '4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1',
  '1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a',
]

const digests: ReadonlySet<string> = new Set([
  ...rootDigests,
  ...Object.values(published).flatMap(each => Object.values(each).map(({ digest }) => digest)),
])

/** Whether these bytes are a certificate of AMD's root or of an authority above. */
export function isPublished(der: Uint8Array): boolean {
  return digests.has(toHex(sha256(der)))
}

/** The common name of the authority that certifies keys of a kind. */
export function authorityName(product: Product, kind: KeyKind): string {
  return kind === 'vcek' ? `SEV-${product}` : `SEV-VLEK-${product}`
}

/** In the order of `amdRoots`. */
const products: readonly Product[] = ['Milan', 'Genoa', 'Turin']

const known: ReadonlyMap<string, KnownAuthority> = new Map(
  products.flatMap((product, place) => {
    const rootKey = amdRoots[place]
    assert(rootKey !== undefined, 'every product has a root')
    return (['vcek', 'vlek'] as const).map(kind => {
      const { serial, modulus, ...dates } = published[product][kind]
      const commonName = authorityName(product, kind)
      const [notBefore, notAfter] = [dates.notBefore, dates.notAfter].map(at => Date.parse(at))
      const authority = {
        ...{ commonName, serial, rootKey, publicKey: rsaPublicKey(bytesOfConstant(modulus)) },
        ...{ notBefore: timestamp(notBefore ?? 0), notAfter: timestamp(notAfter ?? 0) },
      }
      return [commonName, authority] as const
    })
  }),
)

/** The authority for keys of a kind, if the root above it is among those that are believed. */
export function knownAuthority(
  product: Product,
  kind: KeyKind,
  anchors: readonly Uint8Array[],
): KnownAuthority | undefined {
  const authority = known.get(authorityName(product, kind))
  if (authority === undefined) return undefined
  return anchors.some(anchor => equalBytes(anchor, authority.rootKey)) ? authority : undefined
}
