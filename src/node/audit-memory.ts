/** The audit record of a node without a disk: the same files, in memory and until the node ends. */
import { concatBytes } from '../base/bytes.ts'
import type { AuditStore, FoundRecord, OldestFile } from '../host/port.ts'
import { auditMagic } from '../wire/audit-entry.ts'

interface MemoryFile {
  readonly parts: Uint8Array[]
  bytes: number
}

export class AuditMemory implements AuditStore {
  readonly #files: MemoryFile[] = []

  get fileBytes(): number {
    return this.#files.at(-1)?.bytes ?? 0
  }

  get bytes(): number {
    return this.#files.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  open(): FoundRecord {
    this.nextFile()
    return { lastFile: new Uint8Array(0), tornBytes: 0 }
  }

  append(bytes: Uint8Array): void {
    const file = this.#files.at(-1)
    if (file === undefined) return
    file.parts.push(bytes)
    file.bytes += bytes.length
  }

  nextFile(): void {
    this.#files.push({ parts: [auditMagic], bytes: auditMagic.length })
  }

  oldest(): OldestFile | undefined {
    const [file] = this.#files
    if (file === undefined || this.#files.length === 1) return undefined
    return { name: 'memory', bytes: file.bytes, content: concatBytes(...file.parts) }
  }

  dropOldest(): void {
    if (this.#files.length > 1) this.#files.shift()
  }

  async files(): Promise<readonly Uint8Array[]> {
    return this.#files.map(({ parts }) => concatBytes(...parts))
  }

  close(): void {}
}
