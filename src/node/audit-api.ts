/** The audit record for whoever runs the node: types only. */

export interface AuditApi {
  /**
   * Everything that is kept, as one file whose last entry the node signs for this answer: docs/spec/audit-record.md. At most some 16 MiB.
   *
   * @throws {HostError} `AUDIT_UNREADABLE`.
   */
  export(): Promise<Uint8Array>
}
