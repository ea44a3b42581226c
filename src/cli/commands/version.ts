/** `coterie version`: needs neither a configuration nor a node. */
import { Command } from 'commander'
import { pageDir, verifyPageFacts } from '../../api/page-files.ts'
import { version } from '../../base/version.ts'
import { printJson, printLine } from '../output.ts'

export function versionCommand(): Command {
  return new Command('version')
    .option('--json', 'print one JSON document', false)
    .action(({ json }: { json: boolean }) => {
      const facts = {
        version,
        node: process.version,
        platform: `${process.platform}-${process.arch}`,
        verifyPage: verifyPageFacts(pageDir),
      }
      if (json) printJson(facts)
      else printLine(`coterie ${facts.version}, Node ${facts.node}, ${facts.platform}`)
    })
}
