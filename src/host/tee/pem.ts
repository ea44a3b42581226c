/** PEM (RFC 7468 §3): DER as text between two labelled lines. */

export function toPem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}

/** The bytes of a text with exactly one block, or `undefined`. */
export function fromPem(text: string): Uint8Array | undefined {
  const block = /^-----BEGIN ([A-Z ]+)-----\n([A-Za-z0-9+/=\n]+)\n-----END \1-----\n?$/.exec(text)
  const body = block?.[2]
  return body === undefined ? undefined : new Uint8Array(Buffer.from(body, 'base64'))
}
