/**
 * Preloaded into each process of a testnet (`node --import`): ends it when its parent is gone.
 *
 * Standard input is a pipe whose other end only the parent holds. The kernel closes it however the parent
 * ends, SIGKILL included, so no process outlives its testnet, and no code of the node knows of this.
 */
const patience = 10_000 // As long as a node may take for a graceful stop.

process.stdin.on('end', leave)
process.stdin.on('error', leave)
process.stdin.resume()
// The pipe alone must not keep a process alive that has nothing left to do.
if ('unref' in process.stdin) process.stdin.unref()

function leave(): void {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), patience).unref()
  process.kill(process.pid, 'SIGTERM')
}
