/** Merkle tree hashes of append-only logs (RFC 6962, section 2.1). */
import { concat, sha256 } from "./bytes.mjs";

export const HASH_SIZE = 32;

/** SHA-256(0x00 || entry): the prefix keeps a leaf from passing for a node. */
export function leafHash(entry) {
  return sha256(concat(Uint8Array.of(0x00), entry));
}

function nodeHash(left, right) {
  return sha256(concat(Uint8Array.of(0x01), left, right));
}

/**
 * The root of the tree over the first `size` entries, for each of `sizes`, as a Map by size.
 *
 * One pass: after each leaf the roots of the full subtrees are known, one for each bit set in the size.
 */
export async function rootsAt(entries, sizes) {
  const wanted = new Set(sizes);
  const roots = new Map();
  const subtrees = [];
  if (wanted.has(0)) roots.set(0, await sha256(new Uint8Array(0)));
  for (const [index, entry] of entries.entries()) {
    let root = await leafHash(entry);
    // Each one bit at the end of the size is a full subtree as large as the one just completed.
    for (let below = index; below % 2 === 1; below = (below - 1) / 2) root = await nodeHash(subtrees.pop(), root);
    subtrees.push(root);
    if (wanted.has(index + 1)) roots.set(index + 1, await rootOf(subtrees));
  }
  return roots;
}

async function rootOf(subtrees) {
  let root = subtrees.at(-1);
  for (const left of subtrees.slice(0, -1).reverse()) root = await nodeHash(left, root);
  return root;
}
