import { compareBytes } from '../../base/bytes.ts'
import { keyOfNodeId, type NodeId } from '../../base/ids.ts'

/** Whether `left` comes before `right`: by it both sides know which of two dials counts. */
export function isSmaller(left: NodeId, right: NodeId): boolean {
  return compareBytes(keyOfNodeId(left), keyOfNodeId(right)) < 0
}
