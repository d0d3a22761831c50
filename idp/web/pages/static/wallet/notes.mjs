/** Notes, checkpoints and timed cosignatures (C2SP signed-note, tlog-checkpoint, tlog-cosignature), to verify only. */
import { b64Decode, concat, equal, sha256, utf8 } from "./bytes.mjs";
import { WalletError } from "./errors.mjs";
import { HASH_SIZE } from "./merkle.mjs";

const ED25519 = 0x01;
const COSIGNATURE = 0x04;
const KEY_SIZE = 32;
const KEY_ID_SIZE = 4;
const TIME_SIZE = 8;
const SIGNATURE_SIZE = 64;
const SIGNATURES_MAX = 64;
const NOTE_SIZE_MAX = 64 * 1024;
const SIGNATURE_LINE = /^\u2014 ([^ ]+) ([A-Za-z0-9+/]+={0,2})$/;
const VERIFIER_LINE = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/;
const CONTROL = /[\x00-\x09\x0b-\x1f]/;
const DECIMAL = /^(?:0|[1-9][0-9]{0,15})$/;

/** Read the one-line form `<name>+<key id in hexadecimal>+<base64 of type and public key>`. */
export async function parseVerifier(text) {
  const parts = typeof text === "string" ? VERIFIER_LINE.exec(text) : null;
  if (parts === null) throw refused("verifier key is malformed");
  const [, name, id, encoded] = parts;
  const data = b64Decode(encoded);
  if (data.length !== 1 + KEY_SIZE || ![ED25519, COSIGNATURE].includes(data[0])) {
    throw refused("verifier key has an unknown type or length");
  }
  const keyId = (await sha256(concat(utf8(`${name}\n`), data))).slice(0, KEY_ID_SIZE);
  if (hex(keyId) !== id) throw refused("verifier key id does not fit the key");
  const key = await crypto.subtle.importKey("raw", data.slice(1), { name: "Ed25519" }, false, ["verify"]);
  return { text, name, keyId, key, isWitness: data[0] === COSIGNATURE };
}

/**
 * A checkpoint that `log` has signed, with the cosignatures of those `witnesses` that are on it.
 *
 * `cosigned` maps a witness's verifier text to the second of its cosignature. Signatures of unknown keys are passed
 * over; a wrong one of a known key refuses the note.
 */
export async function openCheckpoint(note, log, witnesses) {
  const { text, signed } = splitNote(note);
  const cosigned = new Map();
  if ((await verified(log, text, signed)) === null) throw refused("checkpoint is not signed by its log");
  for (const witness of witnesses) {
    const result = await verified(witness, text, signed);
    if (result !== null) cosigned.set(witness.text, result.time);
  }
  const checkpoint = parseCheckpoint(text);
  // One key may serve two logs; without this a checkpoint of the other would pass.
  if (checkpoint.origin !== log.name) throw refused("checkpoint is of another log");
  return { ...checkpoint, cosigned };
}

function parseCheckpoint(text) {
  const lines = text.split("\n");
  // Three lines at least, and the empty piece behind the last newline.
  if (lines.length < 4 || lines.pop() !== "" || lines.includes("")) throw refused("checkpoint has too few lines");
  const [origin, size, root] = lines;
  if (!DECIMAL.test(size) || !Number.isSafeInteger(Number(size))) throw refused("checkpoint size is no number");
  const hash = b64Decode(root);
  if (hash.length !== HASH_SIZE) throw refused("checkpoint root is not 32 bytes");
  return { origin, size: Number(size), root: hash };
}

/** null when `verifier` has not signed; the time of a cosignature, else null inside, when it has and rightly. */
async function verified(verifier, text, signed) {
  const isOwn = ({ name, blob }) => name === verifier.name && equal(blob.slice(0, KEY_ID_SIZE), verifier.keyId);
  const own = signed.filter(isOwn);
  if (own.length === 0) return null;
  if (own.some(({ blob }) => !equal(blob, own[0].blob))) throw refused("note is signed twice by one key");
  let signature = own[0].blob.slice(KEY_ID_SIZE);
  let time = null;
  let message = utf8(text);
  if (verifier.isWitness) {
    time = timeOf(signature.slice(0, TIME_SIZE));
    signature = signature.slice(TIME_SIZE);
    message = utf8(`cosignature/v1\ntime ${time}\n${text}`);
  }
  if (signature.length !== SIGNATURE_SIZE) throw refused("signature has the wrong length");
  if (!(await crypto.subtle.verify("Ed25519", verifier.key, signature, message))) {
    throw refused("signature of a known key does not verify");
  }
  return { time };
}

function timeOf(data) {
  const seconds = data.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  if (data.length !== TIME_SIZE || seconds > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw refused("cosignature time out of range");
  }
  return Number(seconds);
}

function splitNote(note) {
  if (typeof note !== "string" || note.length > NOTE_SIZE_MAX || CONTROL.test(note)) {
    throw refused("note is no text, too long, or holds control characters");
  }
  const separator = note.lastIndexOf("\n\n");
  const lines = note.slice(separator + 2).split("\n");
  if (separator < 0 || lines.length < 2 || lines.pop() !== "") throw refused("note has no signatures");
  if (lines.length > SIGNATURES_MAX) throw refused("note has too many signatures");
  return { text: note.slice(0, separator + 1), signed: lines.map(parseSignatureLine) };
}

function parseSignatureLine(line) {
  const parts = SIGNATURE_LINE.exec(line);
  if (parts === null || /[\s+]/u.test(parts[1])) throw refused("signature line is malformed");
  const blob = b64Decode(parts[2]);
  if (blob.length <= KEY_ID_SIZE) throw refused("signature is too short");
  return { name: parts[1], blob };
}

function hex(data) {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function refused(message) {
  return new WalletError("log_refused", message);
}
