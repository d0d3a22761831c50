/**
 * The key log: which token keys are published for everyone, and which one of them may be used now.
 *
 * The wallet fetches the whole log and checks it itself, so that no issuer can give one person a key of their own.
 * The document is `{"checkpoint": note, "leaves": [base64url of a canonical JSON leaf, ...], "witnessed": [older
 * notes, ...]}`. `witnessed` is optional: a cosignature proves that a key stood in the log *at its time*, and the
 * newest checkpoint is always younger than the keys in use; so the notes that show the time are kept and served too.
 */
import { b64urlDecode, b64urlEncode, equal, fromUtf8 } from "./bytes.mjs";
import { WalletError } from "./errors.mjs";
import { rootsAt } from "./merkle.mjs";
import { openCheckpoint, parseVerifier } from "./notes.mjs";
import { readTokenKey } from "./token_key.mjs";

export const BANDS = ["minor", "adult"];
const LEAVES_MAX = 20000;
const NOTES_MAX = 2000;
const TOKEN_TYPE = 2;
const HOUR = 3600;
// Clocks of honest devices are this far apart, in seconds; wider, and an issuer could hand out the next epoch's key.
const CLOCK_TOLERANCE = 300;
const MEMBERS = {
  key: ["band", "epoch", "key", "key_id", "not_after", "not_before", "role", "token_type", "type"],
  revoke: ["at", "key_id", "type"],
  "wallet-files": ["at", "files", "type"],
};

/**
 * Verify a log document against the trusted keys of `config` (log and witness verifiers in their one-line form).
 *
 * `remembered` is the largest head seen before, `{size, root}`, or null: a log that became smaller or differs in
 * what was there is refused. Returns `{head, keys, revoked}`; each key has the second at which the last of all
 * witnesses had seen it (`witnessedAt`, null when one has not).
 */
export async function verifyLog(document, config, remembered) {
  const { checkpoint, leaves, witnessed = [] } = document ?? {};
  if (!Array.isArray(leaves) || leaves.length > LEAVES_MAX) throw refused("leaves are missing or too many");
  if (!Array.isArray(witnessed) || witnessed.length > NOTES_MAX) throw refused("notes are too many");
  const log = await parseVerifier(config.log.verifier_key);
  if (log.isWitness || log.name !== config.log.origin) throw refused("the log's key is not its own");
  const witnesses = await Promise.all(config.witnesses.map(parseVerifier));
  if (witnesses.some((witness) => !witness.isWitness)) throw refused("a witness's key is not for cosigning");

  const entries = leaves.map((leaf) => b64urlDecode(leaf));
  const heads = await Promise.all([checkpoint, ...witnessed].map((note) => openCheckpoint(note, log, witnesses)));
  const [head] = heads;
  if (head.size !== entries.length) throw refused("the checkpoint is of another size");
  const claimed = remembered === null ? heads : [...heads, remembered];
  const roots = await rootsAt(entries, claimed.map(({ size }) => size));
  for (const { size, root } of claimed) {
    if (!roots.has(size) || !equal(roots.get(size), root)) throw refused("the log contradicts a head of its own");
  }

  const read = entries.map(readLeaf);
  const keys = [];
  const revoked = new Set();
  for (const [index, leaf] of read.entries()) {
    if (leaf.type === "revoke") revoked.add(leaf.key_id);
    if (leaf.type !== "key") continue;
    if (keys.some((key) => key.key_id === leaf.key_id)) throw refused("a key is logged twice");
    keys.push({ ...leaf, witnessedAt: witnessedAt(index, heads, witnesses) });
  }
  return { head: { size: head.size, root: head.root }, keys, revoked };
}

/**
 * The key the issuer shows, checked against a verified log, with its leaf; refused (`code` says why) unless it is
 * logged, the one admitted key of its band and epoch, RSA-2048 with e = 65537, of the epoch that is now (`now` in
 * seconds), and was witnessed early enough before its first use.
 */
export async function admitKey(log, shown, now, minimumWitnessHours) {
  // 1. in the log, and there as the issuer shows it
  const leaf = log.keys.find((one) => one.key_id === shown.key_id);
  if (leaf === undefined || leaf.key !== shown.key || leaf.band !== shown.band || leaf.epoch !== shown.epoch) {
    throw new WalletError("key_not_logged", "the key is not in the log as shown");
  }
  // 2. RSA-2048 with e = 65537, under its own name
  const key = await readTokenKey(b64urlDecode(leaf.key));
  if (b64urlEncode(key.keyId) !== leaf.key_id) throw new WalletError("key_form", "key_id is of another key");
  // 3. the one key of its band and epoch: the primary, or a standby after a revoke leaf
  if (admittedLeaf(log, leaf) !== leaf) throw new WalletError("key_not_primary", "the key is not admitted");
  // 4. of the epoch that is now, and no other epoch of this band is now
  if (!isCurrent(leaf, now, CLOCK_TOLERANCE)) throw new WalletError("key_not_current", "the key is not of this epoch");
  const rivals = log.keys.filter((one) => one.band === leaf.band && one.epoch !== leaf.epoch && isCurrent(one, now, 0));
  if (rivals.length > 0 && isCurrent(leaf, now, 0)) {
    throw new WalletError("key_not_primary", "two epochs of one band overlap");
  }
  // 5. published long enough before use
  if (minimumWitnessHours > 0) {
    const latest = leaf.not_before - minimumWitnessHours * HOUR;
    if (leaf.witnessedAt === null || leaf.witnessedAt > latest) {
      throw new WalletError("key_not_witnessed", "no witness saw the key in time");
    }
  }
  return { key, leaf };
}

/** The key of a band and epoch that everyone is to use: the primary; when it is revoked, the next standby in order. */
function admittedLeaf(log, { band, epoch }) {
  const family = log.keys.filter((one) => one.band === band && one.epoch === epoch);
  const primaries = family.filter((one) => one.role === "primary");
  if (primaries.length !== 1) return undefined;
  const standbys = family.filter((one) => one.role === "standby");
  return [...primaries, ...standbys].find((one) => !log.revoked.has(one.key_id));
}

function isCurrent(leaf, now, tolerance) {
  return leaf.not_before - tolerance <= now && now < leaf.not_after + tolerance;
}

/** The time by which every witness had cosigned a head that covers leaf `index`; null when one never has. */
function witnessedAt(index, heads, witnesses) {
  const times = witnesses.map((witness) =>
    Math.min(...heads.filter(({ size }) => size > index).map(({ cosigned }) => cosigned.get(witness.text) ?? Infinity)),
  );
  const last = Math.max(...times);
  return Number.isFinite(last) ? last : null;
}

function readLeaf(data) {
  const text = fromUtf8(data);
  let leaf;
  try {
    leaf = JSON.parse(text);
  } catch {
    throw refused("a leaf is not JSON");
  }
  if (leaf === null || typeof leaf !== "object" || canonicalJson(leaf) !== text) {
    throw refused("a leaf is not canonical JSON");
  }
  const members = Object.hasOwn(MEMBERS, leaf.type) ? MEMBERS[leaf.type] : null;
  if (members === null || Object.keys(leaf).join() !== members.join()) throw refused("a leaf has other members");
  const isRight = leaf.type === "key" ? isKeyLeaf(leaf) : isSeconds(leaf.at);
  if (!isRight) throw refused("a member of a leaf is out of range");
  return leaf;
}

function isKeyLeaf(leaf) {
  return (
    leaf.token_type === TOKEN_TYPE &&
    BANDS.includes(leaf.band) &&
    ["primary", "standby"].includes(leaf.role) &&
    isSeconds(leaf.epoch) &&
    isSeconds(leaf.not_before) &&
    isSeconds(leaf.not_after) &&
    leaf.not_before < leaf.not_after &&
    typeof leaf.key === "string" &&
    typeof leaf.key_id === "string"
  );
}

function isSeconds(value) {
  return Number.isSafeInteger(value) && value >= 0;
}

/** JSON in the form of RFC 8785, which stands on ECMAScript's own numbers, strings and order of names. */
export function canonicalJson(value) {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name])}`).join()}}`;
}

function refused(message) {
  return new WalletError("log_refused", message);
}
