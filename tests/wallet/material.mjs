/** What the Python side gave for a test: its JSON, the published vectors, and shorthand for hexadecimal. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The JSON of `tests/wallet/test_wallet_modules.py` for this file. */
export const given = JSON.parse(readFileSync(process.env.WALLET_GIVEN, "utf8"));

/** The vectors of one published file, or of one that lies in `tests/vectors`, always as a list. */
export function published(name) {
  const own = join(import.meta.dirname, "..", "vectors", name);
  const vectors = JSON.parse(readFileSync(existsSync(own) ? own : join(process.env.WALLET_VECTORS, name), "utf8"));
  return Array.isArray(vectors) ? vectors : [vectors];
}

export function unhex(digits) {
  return new Uint8Array(Buffer.from(digits.replace(/^0x/, ""), "hex"));
}

export function hex(data) {
  return Buffer.from(data).toString("hex");
}

/** Check that a WalletError with this code is raised. */
export async function refuses(code, operation) {
  await assert.rejects(async () => operation(), (error) => {
    assert.equal(error.name, "WalletError", String(error.stack));
    assert.equal(error.code, code, error.message);
    return true;
  });
}
