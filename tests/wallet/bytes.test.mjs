import assert from "node:assert/strict";
import { test } from "node:test";

import {
  b64Decode, b64Encode, b64urlDecode, b64urlEncode, bigEndian, concat, fromUtf8, lp, utf8,
} from "../../idp/web/pages/static/wallet/bytes.mjs";
import { given, hex, refuses, unhex } from "./material.mjs";

test("base64url is accepted and refused as crypto.encoding does", async () => {
  let accepted = 0;
  for (const { text, data } of given.base64url) {
    if (data === null) await refuses("malformed", () => b64urlDecode(text));
    else {
      accepted += 1;
      assert.equal(hex(b64urlDecode(text)), data);
      assert.equal(b64urlEncode(unhex(data)), text);
    }
  }
  assert.ok(accepted >= 50 && given.base64url.length - accepted >= 50);
});

test("base64url of something that is no text is refused", async () => {
  for (const value of [null, undefined, 7, {}, [], new Uint8Array(2)]) {
    await refuses("malformed", () => b64urlDecode(value));
  }
});

test("base64 has one spelling", async () => {
  assert.equal(b64Encode(Uint8Array.of(0xfb, 0xff)), "+/8=");
  assert.deepEqual(b64Decode("+/8="), Uint8Array.of(0xfb, 0xff));
  for (const text of ["+/8", "+/9=", "-_8=", "+/8=\n", " +/8=", "=", "+/8==", "+===", null]) {
    await refuses("malformed", () => b64Decode(text));
  }
});

test("length-prefixed fields are those of crypto.encoding", () => {
  for (const { fields, joined } of given.lp) assert.equal(hex(lp(...fields)), joined);
  assert.equal(hex(lp(Uint8Array.of(1, 2), "é")), "000201020002c3a9");
});

test("a field longer than 65535 bytes is refused", async () => {
  assert.equal(lp(new Uint8Array(65535)).length, 65537);
  await refuses("malformed", () => lp(new Uint8Array(65536)));
});

test("text without a UTF-8 form is refused, both ways", async () => {
  await refuses("malformed", () => utf8("a\ud800"));
  await refuses("malformed", () => lp("\udc00b"));
  await refuses("malformed", () => fromUtf8(Uint8Array.of(0xc3)));
  assert.equal(fromUtf8(utf8("\ufeff年龄 𝄞")), "\ufeff年龄 𝄞");
});

test("integers are big-endian, and one that does not fit is refused", async () => {
  assert.equal(hex(bigEndian(0x010203, 4)), "00010203");
  assert.equal(hex(bigEndian(2n ** 64n - 1n, 8)), "ffffffffffffffff");
  await refuses("malformed", () => bigEndian(256, 1));
  assert.equal(hex(concat(Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2))), "0102");
});
