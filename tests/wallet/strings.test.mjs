import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { checkConfig } from "../../idp/web/pages/static/wallet/config.mjs";
import { LANGUAGES, chooseLanguage, errorText, wordsIn } from "../../idp/web/pages/static/wallet/strings.mjs";
import { en } from "../../idp/web/pages/static/wallet/words_en.mjs";
import { zh } from "../../idp/web/pages/static/wallet/words_zh.mjs";
import { given, refuses } from "./material.mjs";

const WALLET = fileURLToPath(new URL("../../idp/web/pages/static/wallet", import.meta.url));
const SOURCES = readdirSync(WALLET).filter((name) => name.endsWith(".mjs") && !name.startsWith("words_"));
const source = SOURCES.map((name) => readFileSync(join(WALLET, name), "utf8")).join("\n");

function shape(words) {
  return Object.entries(words).map(([name, value]) => [name, typeof value === "object" ? shape(value) : typeof value]);
}

test("both languages have the same words, in the same order", () => {
  assert.deepEqual(shape(zh), shape(en));
});

test("every word is used, and every used word is there", () => {
  const page = readFileSync(join(WALLET, "index.html"), "utf8");
  const used = new Set([
    ...Array.from(source.matchAll(/words\.([a-z_]+)/g), ([, name]) => name),
    ...Array.from(page.matchAll(/data-words="([a-z_]+)"/g), ([, name]) => name),
  ]);
  used.delete("day");
  assert.deepEqual([...used].sort(), Object.keys(en).sort());
});

test("every error code has words, and no words are left over", () => {
  const raised = new Set(["unexpected"]);
  for (const [, code] of source.matchAll(/new WalletError\(\s*"([a-z0-9_]+)"/g)) raised.add(code);
  for (const [, pairs] of source.matchAll(/const codes? = \{([^}]*)\}/g)) {
    for (const [, code] of pairs.matchAll(/: "([a-z_]+)"/g)) raised.add(code);
  }
  for (const [, code] of source.matchAll(/\?\? "([a-z]+_[a-z_]+)"/g)) raised.add(code);
  // Caught where they arise and told as another: bytes that are not what they should be, and signatures.
  for (const inner of ["malformed", "blind_rsa"]) assert.ok(raised.delete(inner));
  assert.deepEqual([...raised].sort(), Object.keys(en.errors).sort());
  for (const words of [en, zh]) assert.equal(errorText(words, new TypeError("x")), words.errors.unexpected);
});

test("the language is the one chosen, else the browser's, else English", () => {
  assert.equal(chooseLanguage("zh-Hans", ["en"]), "zh-Hans");
  assert.equal(chooseLanguage(null, ["fr-CH", "zh-TW", "en"]), "zh-Hans");
  assert.equal(chooseLanguage(null, ["de", "EN-gb", "zh"]), "en");
  assert.equal(chooseLanguage("xx", []), "en");
  assert.equal(chooseLanguage("constructor", ["fr"]), "en");
  assert.deepEqual(Object.keys(LANGUAGES), ["en", "zh-Hans"]);
  assert.equal(wordsIn("zh-Hans").day(1_800_000_000), "2027年1月15日");
  assert.equal(wordsIn("en").day(1_800_000_000), "January 15, 2027");
});

test("a configuration as the door gives it is taken", () => {
  for (const config of given.configs.good) assert.equal(checkConfig(config, new URL(config.door).origin), config);
});

test("a configuration that weakens the log or sends elsewhere is refused", async () => {
  assert.ok(given.configs.bad.length >= 25);
  for (const { why, config } of given.configs.bad) {
    await assert.rejects(async () => checkConfig(config, "https://door.example"), { code: "config_refused" }, why);
  }
  await refuses("config_refused", () => checkConfig(given.configs.good[0], "https://other.example"));
});
