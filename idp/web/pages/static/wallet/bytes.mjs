/** Bytes and their written forms, one accepted form of each: base64url, base64, UTF-8, length-prefixed fields. */
import { WalletError } from "./errors.mjs";

const FIELD_MAX = 0xffff;
const UNPADDED_URL = /^[A-Za-z0-9_-]*$/;
const PADDED = /^[A-Za-z0-9+/]*={0,2}$/;
// With the flag u this matches surrogates that stand alone only.
const LONE_SURROGATE = /[\uD800-\uDFFF]/u;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8 of a text; refused when the text has none (a lone surrogate). */
export function utf8(text) {
  if (LONE_SURROGATE.test(text)) throw malformed("text has no UTF-8 form");
  return encoder.encode(text);
}

/** The text of UTF-8 bytes, a byte order mark included; refused when they are not UTF-8. */
export function fromUtf8(data) {
  try {
    return decoder.decode(data);
  } catch {
    throw malformed("not UTF-8");
  }
}

/** All parts, one behind the other. */
export function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let position = 0;
  for (const part of parts) {
    joined.set(part, position);
    position += part.length;
  }
  return joined;
}

/** Whether two byte strings are the same. Not constant-time: for public values. */
export function equal(left, right) {
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}

/** A number as `length` big-endian bytes; number or BigInt. */
export function bigEndian(number, length) {
  const data = new Uint8Array(length);
  let rest = BigInt(number);
  for (let at = length - 1; at >= 0; at -= 1) {
    data[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  if (rest !== 0n) throw malformed("integer does not fit");
  return data;
}

/** Each field behind its length in 2 bytes, big-endian; text is UTF-8. */
export function lp(...fields) {
  const parts = [];
  for (const field of fields) {
    const data = typeof field === "string" ? utf8(field) : field;
    if (data.length > FIELD_MAX) throw malformed("field longer than 65535 bytes");
    parts.push(bigEndian(data.length, 2), data);
  }
  return concat(...parts);
}

/** Base64url without padding (RFC 7515, section 2). */
export function b64urlEncode(data) {
  return b64Encode(data).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Decode unpadded base64url; padding, white space and stray trailing bits are refused. */
export function b64urlDecode(text) {
  if (typeof text !== "string" || !UNPADDED_URL.test(text) || text.length % 4 === 1) {
    throw malformed("not unpadded base64url");
  }
  const data = binary(atob(text.replaceAll("-", "+").replaceAll("_", "/")));
  // Trailing bits that are not zero would give one value two spellings.
  if (b64urlEncode(data) !== text) throw malformed("base64url has stray trailing bits");
  return data;
}

/** Base64 with padding (RFC 4648, section 4), the form of signed notes. */
export function b64Encode(data) {
  let text = "";
  for (const byte of data) text += String.fromCharCode(byte);
  return btoa(text);
}

/** Decode padded base64; missing padding, white space and stray trailing bits are refused. */
export function b64Decode(text) {
  if (typeof text !== "string" || !PADDED.test(text) || text.length % 4 !== 0) throw malformed("not base64");
  const data = binary(atob(text));
  if (b64Encode(data) !== text) throw malformed("base64 has stray trailing bits");
  return data;
}

/** SHA-256, 32 bytes. */
export async function sha256(data) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data));
}

/** `size` random bytes of the browser's generator. */
export function randomBytes(size) {
  return crypto.getRandomValues(new Uint8Array(size));
}

function binary(text) {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function malformed(message) {
  return new WalletError("malformed", message);
}
