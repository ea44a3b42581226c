/** The row of the contract for the audit record: bytes that whoever reads them verifies, because the node's host carries them. */
import { z } from 'zod'

/** The media type of a record: docs/spec/audit-record.md. */
export const auditMedia = 'application/vnd.coterie.audit'

export const auditRoutes = {
  audit: {
    method: 'GET',
    path: '/v1/audit',
    access: 'operator',
    about: 'The audit record as one file, which the node signs for this answer.',
    query: z.strictObject({}),
    body: null,
    /** Of the example: the bytes in base64. */
    answer: z.string(),
    stream: false,
    bytes: auditMedia,
    errors: ['AUDIT_UNREADABLE', 'NOT_RUNNING', 'STOPPING'],
  },
} as const
