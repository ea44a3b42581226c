/** What a machine's TEE looks like from the command line. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { HostError } from '../../../src/base/errors.ts'
import { after, days } from '../../../src/base/time.ts'
import { type TeeSurroundings, teeFinding } from '../../../src/cli/tee-finding.ts'
import type { TeeOffer } from '../../../src/host/tee/choose.ts'
import {
  currentTcb,
  drawInstance,
  issueMachine,
  registersOf,
  writeMachine,
} from '../../../src/host/tee/machine.ts'
import { coterie, temporaryFolder } from '../../fixtures/command-line.ts'
import { epoch, testNetwork } from '../../fixtures/network.ts'

const nonce = '5a'.repeat(64)

test('attest self writes evidence that carries the nonce, and shows what it says', async () => {
  const folder = temporaryFolder()
  const machine = join(folder, 'machine.json')
  await writeMachine(
    machine,
    issueMachine(testNetwork().authority, {
      instance: drawInstance(),
      registers: registersOf('coterie-test'),
      tcb: currentTcb,
      notBefore: epoch,
      notAfter: after(epoch, days(1)),
    }),
  )
  const out = join(folder, 'evidence')
  const args = ['attest', 'self', '--data-dir', folder, '--nonce', nonce, '--out', out]
  const written = await coterie([...args, '--json'])
  expect([written.code, written.err]).toEqual([0, ''])
  const { evidence, ...told } = JSON.parse(written.out)
  const bytes = readFileSync(out)
  expect(bytes.toString('hex')).toBe(evidence)
  expect(told).toMatchObject({
    platform: 'simulated',
    reportData: nonce,
    bytes: bytes.length,
    fields: { reportData: nonce },
  })
  const again = await coterie(args)
  expect([again.code, again.err]).toEqual([3, expect.stringContaining('FILE_NOT_WRITTEN')])
  const drawn = [1, 2].map(() => coterie(['attest', 'self', '--data-dir', folder, '--json']))
  const [first, second] = (await Promise.all(drawn)).map(each => JSON.parse(each.out).reportData)
  expect(first).not.toBe(second)
})

test.each(['', '5a', `${nonce}00`, 'zz'.repeat(64)])('"%s" is no nonce of 64 bytes', async text => {
  const { code, err } = await coterie(['attest', 'self', '--nonce', text])
  expect([code, err]).toEqual([2, expect.stringContaining('BAD_NONCE')])
})

test('a TEE that this machine does not have is no reason to fall back on another', async () => {
  const { code, err } = await coterie(['attest', 'self', '--tee', 'sgx'])
  expect([code, err]).toEqual([2, expect.stringContaining('TEE_NONE')])
})

const closed = (by: TeeOffer['interface'], code = 'TEE_NOT_OFFERED'): TeeOffer => ({
  interface: by,
  state: {
    kind: 'closed',
    error: new HostError(code, `It is ${code}.`, { next: `Mend ${code}.` }),
  },
})
const ready = (by: TeeOffer['interface'], platform: 'tdx' | 'sgx'): TeeOffer => ({
  interface: by,
  state: {
    kind: 'ready',
    platform,
    open: () => {
      throw new Error('a doctor opens nothing')
    },
  },
})
const bare: TeeSurroundings = {
  offers: [closed('gramine'), closed('configfs'), closed('dstack')],
  kernel: '6.8.0-40-generic',
  mounts: 'none /sys/kernel/config configfs rw,relatime 0 0\n',
}

test.each<[string, Partial<TeeSurroundings>, RegExp, RegExp]>([
  ['an old kernel', { kernel: '6.6.30' }, /kernel is 6\.6\.30/, /6\.7/],
  ['a kernel of long ago', { kernel: '5.15.0' }, /kernel is 5\.15\.0/, /6\.7/],
  [
    'configfs that is not mounted',
    { mounts: 'proc /proc proc rw 0 0\n' },
    /not mounted/,
    /mount -t configfs/,
  ],
  ['no driver', {}, /no driver/, /modprobe/],
  [
    'no permission',
    { offers: [closed('gramine'), closed('configfs', 'TEE_FORBIDDEN'), closed('dstack')] },
    /configfs: It is TEE_FORBIDDEN/,
    /Mend TEE_FORBIDDEN/,
  ],
])('doctor names %s and the next step', (_, difference, text, next) => {
  const finding = teeFinding('auto', { ...bare, ...difference })
  expect(finding).toMatchObject({ result: 'fail', text, next })
})

test('doctor is content with the TEE that is asked for, and only with that', () => {
  const offers = [closed('gramine'), ready('configfs', 'tdx'), closed('dstack')]
  expect(teeFinding('tdx', { ...bare, offers })).toMatchObject({
    result: 'ok',
    text: /tdx \(configfs\)/,
  })
  expect(teeFinding('auto', { ...bare, offers })).toMatchObject({ result: 'ok' })
  expect(teeFinding('sgx', { ...bare, offers })).toMatchObject({
    result: 'fail',
    text: /sgx is asked/,
  })
  expect(teeFinding('simulated', bare)).toMatchObject({ result: 'ok', text: /none is asked/ })
})
