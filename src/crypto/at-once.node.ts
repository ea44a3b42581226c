/** OpenSSL answers as it is asked. */
export function atOnce<T>(run: () => T): T {
  return run()
}
