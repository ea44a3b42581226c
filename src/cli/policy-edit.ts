/** Changes to a manifest file, one at a time and without an editor. */
import { type Manifest, parseManifest } from '../attestation/manifest.ts'
import { isRefusal } from '../attestation/verdict.ts'
import { utf8 } from '../base/bytes.ts'
import { UsageError } from '../base/errors.ts'
import { replaceFile } from '../host/replace-file.ts'
import { type PolicyDocument, readPolicy, readPolicyBytes } from './policy-file.ts'
import type { ReachFlags } from './reach.ts'

/** Flags of commands that change a manifest file. */
export interface EditFlags extends ReachFlags {
  readonly out?: string
}

/** The draft that was written, and where. */
export interface Edited {
  readonly out: string
  readonly draft: Manifest
}

export const outHelp =
  'where the draft goes; the file itself if it is a draft. An approved manifest needs one, and gets the next nonce'

/**
 * Changes the draft in a file, or begins the next one after what is approved. Nothing is written that would not hold.
 *
 * @throws {UsageError} `OUT_NOT_GIVEN`, the code of the rule that the change would break, and as `readPolicy`.
 */
export async function editPolicy(
  file: string,
  flags: EditFlags,
  change: (manifest: Manifest) => Manifest,
): Promise<Edited> {
  const document = readPolicy(await readPolicyBytes(file))
  const out = outOf(file, flags, document)
  const changed = change(draftOf(document))
  const draft = utf8(`${JSON.stringify(changed, null, 2)}\n`)
  const parsed = parseManifest(draft)
  if (isRefusal(parsed)) {
    const { code, facts } = parsed
    throw new UsageError(code, `The manifest would not hold: ${facts['reason'] ?? code}`, {
      next: 'Nothing was written. Give other values, or change the rest of the draft first.',
    })
  }
  await replaceFile(out, draft)
  return { out, draft: changed }
}

/** What to say then. */
export const nextAfterEdit = (out: string): string =>
  `next: coterie policy diff ${out}, then coterie policy approve.`

/** What was approved stays as it is, and its change is the draft of the next one. */
function draftOf({ manifest, steps }: PolicyDocument): Manifest {
  return steps.length === 0 ? manifest : { ...manifest, nonce: manifest.nonce + 1 }
}

function outOf(file: string, { out }: EditFlags, { steps }: PolicyDocument): string {
  if (out !== undefined) return out
  if (steps.length === 0) return file
  throw new UsageError('OUT_NOT_GIVEN', `${file} is approved and stays as it is.`, {
    next: 'Say with --out where the draft of the next manifest goes.',
  })
}
