import assert from "node:assert/strict";
import { test } from "node:test";

import { b64urlDecode } from "../../idp/web/pages/static/wallet/bytes.mjs";
import { admitKey, canonicalJson, verifyLog } from "../../idp/web/pages/static/wallet/key_log.mjs";
import { rootsAt } from "../../idp/web/pages/static/wallet/merkle.mjs";
import { parseVerifier } from "../../idp/web/pages/static/wallet/notes.mjs";
import { given, hex, refuses, unhex } from "./material.mjs";

async function judge({ document, config, remembered, shown, now }) {
  const head = remembered === null ? null : { size: remembered.size, root: unhex(remembered.root) };
  const log = await verifyLog(document, config, head);
  return { log, ...(await admitKey(log, shown, now, config.minimum_witness_hours)) };
}

for (const example of given.cases) {
  const verdict = example.expected ?? "admitted";
  test(`${example.name}: ${verdict}`, async () => {
    if (example.expected !== null) return refuses(example.expected, () => judge(example));
    const { log, key, leaf } = await judge(example);
    assert.equal(leaf.key_id, example.shown.key_id);
    assert.equal(hex(key.spki), hex(b64urlDecode(example.shown.key)));
    assert.equal(log.head.size, example.document.leaves.length);
    assert.equal(hex(log.head.root), example.root);
  });
}

test("every change of one character of a good log is refused", async () => {
  const { mutable } = given;
  await judge(mutable);
  let tried = 0;
  const changes = (text) => {
    const at = Math.floor(given.positions[tried % given.positions.length] * text.length);
    const other = text[at] === "A" ? "B" : "A";
    return text.slice(0, at) + other + text.slice(at + 1);
  };
  for (; tried < 300; tried += 1) {
    const document = structuredClone(mutable.document);
    const at = tried % 3;
    const leaf = tried % document.leaves.length;
    if (at === 0) document.leaves[leaf] = changes(document.leaves[leaf]);
    else if (at === 1) document.checkpoint = changes(document.checkpoint);
    else document.witnessed[0] = changes(document.witnessed[0]);
    await assert.rejects(() => judge({ ...mutable, document }), { name: "WalletError" });
  }
});

test("roots are those of crypto.merkle, for every size", async () => {
  const entries = given.tree.entries.map(unhex);
  const roots = await rootsAt(entries, given.tree.roots.keys());
  assert.deepEqual([...given.tree.roots.keys()].map((size) => hex(roots.get(size))), given.tree.roots);
});

test("canonical JSON is Python's, sorted and without spaces", () => {
  for (const { value, text } of given.canonical) assert.equal(canonicalJson(value), text);
});

test("verifier keys with a foreign id, type, length or form are refused", async () => {
  const [, name, id, key] = /^([^+]+)\+([^+]+)\+(.+)$/.exec(given.verifier);
  assert.equal((await parseVerifier(given.verifier)).name, name);
  for (const bad of [
    `${name}+00000000+${key}`, `other+${id}+${key}`, `${name}+${id}`, `${name}+${id}+${key}+`, `${name} +${id}+${key}`,
    `${name}+${id.toUpperCase()}X+${key}`, `+${id}+${key}`, given.verifier_of_unknown_type, "", null, 7,
  ]) {
    await assert.rejects(() => parseVerifier(bad), { name: "WalletError" }, String(bad));
  }
});

test("a witness's key cannot stand in for the log's, nor the log's for a witness's", async () => {
  const [good] = given.cases;
  const witness = good.config.witnesses[0];
  const swapped = { ...good.config, log: { ...good.config.log, verifier_key: witness } };
  await refuses("log_refused", () => verifyLog(good.document, swapped, null));
  const doubled = { ...good.config, witnesses: [good.config.log.verifier_key] };
  await refuses("log_refused", () => verifyLog(good.document, doubled, null));
});
