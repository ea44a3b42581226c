import { spawnSync } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { equalBytes } from '../../../../src/base/bytes.ts'
import { milliseconds } from '../../../../src/base/time.ts'
import { chooseAttester } from '../../../../src/host/tee/choose.ts'
import { systemDeviceFiles } from '../../../../src/host/tee/device-files.ts'
import { checkNitro, NitroAttester } from '../../../../src/host/tee/nitro.ts'
import type { Evidence } from '../../../../src/wire/evidence.ts'
import { attesterConforms } from '../../../conformance/attester.ts'
import { nsmAnswer, nsmError, startNsm } from '../../../fakes/nsm.ts'
import { forged, userData, verify } from '../../../fixtures/nitro.ts'
import { compilerAbsence, installNsmProgram } from '../../../fixtures/nsm-program.ts'

const folder = await mkdtemp(join(tmpdir(), 'coterie-nsm-'))
afterAll(() => rm(folder, { recursive: true }))
const { signal } = new AbortController()

let scripts = 0
/** A program of this shell text. */
async function program(text: string): Promise<string> {
  const path = join(folder, `program-${scripts++}`)
  await writeFile(path, `#!/bin/sh\n${text}\n`)
  await chmod(path, 0o755)
  return path
}

const failure = async (text: string, patience?: number) => {
  const span = patience === undefined ? undefined : milliseconds(patience)
  return await new NitroAttester(await program(text), span).quote(userData, signal).then(
    () => expect.unreachable('it quoted'),
    error => error,
  )
}

describe('a helper that', () => {
  test('gives the document of another request is not believed', async () => {
    const path = join(folder, 'document')
    await writeFile(path, forged({ userData: new Uint8Array(64) }))
    expect(await failure(`cat ${path}`)).toMatchObject({ code: 'TEE_WRONG_REPORT_DATA' })
    await writeFile(path, forged({ userData: null }))
    expect(await failure(`cat ${path}`)).toMatchObject({ code: 'TEE_WRONG_REPORT_DATA' })
  })

  test('gives no document gives nothing', async () => {
    expect(await failure('exit 0')).toMatchObject({ code: 'TEE_EMPTY_ANSWER' })
    expect(await failure('echo no document')).toMatchObject({ code: 'TEE_BAD_ANSWER' })
    const path = join(folder, 'broken')
    await writeFile(path, forged({ pcrs: { 0: null } }))
    const error = await failure(`cat ${path}`)
    expect(error).toMatchObject({ code: 'TEE_BAD_ANSWER', message: /no PCR0/ })
  })

  test('fails is heard, whatever it wrote before', async () => {
    const path = join(folder, 'genuine')
    await writeFile(path, forged())
    const error = await failure(`cat ${path}; printf 'no\\033[1mluck' >&2; exit 3`)
    expect(error).toMatchObject({ code: 'TEE_BROKEN', cause: { message: '3: no [1mluck' } })
    expect(await failure(`cat ${path}; kill -9 $$`)).toMatchObject({
      ...{ code: 'TEE_BROKEN', cause: { message: 'SIGKILL: ' } },
    })
  })

  test('writes without end is ended, on either side', async () => {
    expect(await failure('exec cat /dev/zero')).toMatchObject({ code: 'TEE_EVIDENCE_TOO_LARGE' })
    const words = await failure('head -c 100000 /dev/zero | tr "\\0" x >&2; exit 1')
    expect(words.cause.message).toHaveLength(203)
  })

  test('never answers is ended after the patience, and by its caller before', async () => {
    expect(await failure('exec sleep 600', 50)).toMatchObject({ code: 'TEE_TIMEOUT' })
    const attester = new NitroAttester(await program('exec sleep 600'))
    const caller = new AbortController()
    const quote = attester.quote(userData, caller.signal)
    setImmediate(() => caller.abort(new Error('enough')))
    await expect(quote).rejects.toThrow('enough')
  })

  test('is not there, or may not run, is missed by name', async () => {
    const closed = await program('exit 0')
    await chmod(closed, 0o644)
    for (const path of [join(folder, 'nowhere'), closed]) {
      const quote = new NitroAttester(path).quote(userData, signal)
      await expect(quote).rejects.toMatchObject({ code: 'TEE_NO_HELPER', next: /nsm-helper\.c/ })
    }
  })

  test('is told nothing but the request', async () => {
    process.env['COTERIE_TEST_SECRET'] = 'secret'
    const error = await failure('env >&2; exit 1')
    delete process.env['COTERIE_TEST_SECRET']
    expect(error.cause.message).not.toContain('COTERIE_TEST_SECRET')
    expect(error.cause.message).not.toContain('PATH=/')
  })
})

test('where the module is, Nitro is what the machine offers', async () => {
  const nowhere = join(folder, 'nowhere')
  const nitro = { device: await program(''), helper: await program('') }
  const others = { gramine: nowhere, configfs: nowhere, dstack: [nowhere], tappd: nowhere }
  for (const wanted of ['auto', 'nitro'] as const) {
    const attester = await chooseAttester(systemDeviceFiles, wanted, { ...others, nitro })
    expect(attester).toBeInstanceOf(NitroAttester)
  }
  const closed = { ...nitro, helper: nowhere }
  const chosen = chooseAttester(systemDeviceFiles, 'nitro', { ...others, nitro: closed })
  await expect(chosen).rejects.toMatchObject({ code: 'TEE_NONE', message: /nsm: TEE_NO_HELPER/ })
})

test('a machine without the module is told from one without the program', async () => {
  const [device, helper] = [await program(''), await program('')]
  const nowhere = join(folder, 'nowhere')
  const check = (places: { device: string; helper: string }): Promise<void> =>
    checkNitro(systemDeviceFiles, places)
  await check({ device, helper })
  await expect(check({ device: nowhere, helper })).rejects.toMatchObject({
    code: 'TEE_NOT_OFFERED',
  })
  await expect(check({ device, helper: nowhere })).rejects.toMatchObject({ code: 'TEE_NO_HELPER' })
})

describe.skipIf(compilerAbsence !== '')(
  `the helper of the examples${compilerAbsence}`,
  async () => {
    if (compilerAbsence !== '') return
    const nsm = await startNsm(join(folder, 'nsm.sock'))
    const helper = join(folder, 'coterie-nsm')
    const { binary } = await installNsmProgram(helper, nsm.socket)
    afterAll(() => nsm.stop())
    afterEach(() => nsm.answersWith(undefined))

    attesterConforms('nitro', async () => ({
      attester: new NitroAttester(helper),
      carries: ({ body }: Evidence, reportData) => {
        const verification = verify(body)
        return (
          verification.kind === 'claims' && equalBytes(verification.claims.reportData, reportData)
        )
      },
    }))

    const quote = (): Promise<Evidence> => new NitroAttester(helper).quote(userData, signal)

    test('reads an answer whose maps have no length', async () => {
      const document = forged()
      const open = nsmAnswer(document).map((byte, i) => (i === 0 || i === 13 ? 0xbf : byte))
      nsm.answersWith(Uint8Array.of(...open, 0xff, 0xff))
      expect((await quote()).body).toEqual(document)
    })

    test('says by which name the module refused', async () => {
      nsm.answersWith(nsmError('InvalidArgument'))
      const cause = { message: '1: coterie-nsm: the module refuses: InvalidArgument' }
      await expect(quote()).rejects.toMatchObject({ code: 'TEE_BROKEN', cause })
    })

    test('takes no part of an answer for a document', async () => {
      const whole = nsmAnswer(forged())
      const lengths = [0, 1, 2, 13, 14, 22, 23, 24, 25, 26, 27, 500, whole.length - 1]
      for (const length of lengths) {
        nsm.answersWith(whole.slice(0, length))
        await expect(quote()).rejects.toMatchObject({
          code: 'TEE_BROKEN',
          cause: { message: /^1: / },
        })
      }
    })

    test('says that there is no module, and that a request is too long', () => {
      const bare = spawnSync(binary, { input: 'x' })
      expect(bare).toMatchObject({ status: 2 })
      expect(String(bare.stderr)).toContain('/dev/nsm: No such file or directory')
      for (const input of ['', 'x'.repeat(4097)]) {
        expect(spawnSync(binary, { input })).toMatchObject({ status: 2 })
      }
    })
  },
)
