/**
 * What has a life. Constructors only assign; `start` does the work and may throw; `stop` is idempotent and
 * complete: when it resolves nothing of the service runs.
 */
export interface Service {
  start(signal: AbortSignal): Promise<void>
  stop(): Promise<void>
}

/** Starts `services` in order; if one fails, stops the started ones in reverse and rethrows. */
export async function startInOrder(
  services: readonly Service[],
  signal: AbortSignal,
): Promise<void> {
  const started: Service[] = []
  for (const service of services) {
    try {
      signal.throwIfAborted()
      await service.start(signal)
    } catch (error) {
      await stopInReverse([...started, service])
      throw error
    }
    started.push(service)
  }
}

/** Stops `services` in reverse order, all of them even if one fails, then rethrows the first failure. */
export async function stopInReverse(services: readonly Service[]): Promise<void> {
  const failures: unknown[] = []
  for (const service of services.toReversed()) {
    try {
      await service.stop()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}
