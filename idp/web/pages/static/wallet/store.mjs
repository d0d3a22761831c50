/**
 * What the wallet keeps in this browser, in one IndexedDB database: unspent tokens, and a few single values.
 *
 * tokens:   `{token, band, epoch, keyId, usableUntil, reservedFor, reservedAt}`, key: the token's nonce
 * values:   `seed`; `head` (largest head of the key log); `batch` (a batch that was sent and not answered yet);
 *           `filled` (the last batch); `language`; `refused:<key id>` (keys that are never used again)
 */
import { b64urlEncode } from "./bytes.mjs";
import { WalletError } from "./errors.mjs";

const NAME = "blindage-wallet";
const VERSION = 1;
const TOKENS = "tokens";
const VALUES = "values";
// After this many seconds no answer to a presentation is awaited any more.
const RESERVATION_LIFE = 3600;

/** Open the database; `storage_blocked` where the browser gives none. `given` stands in for its IndexedDB. */
export async function openStore(given = null) {
  try {
    // Where storage is blocked, even naming it may fail.
    const opening = (given ?? globalThis.indexedDB).open(NAME, VERSION);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore(TOKENS, { keyPath: "nonce" });
      opening.result.createObjectStore(VALUES);
    };
    return new Store(await settled(opening));
  } catch (error) {
    throw new WalletError("storage_blocked", `no IndexedDB: ${error?.name}`);
  }
}

class Store {
  #database;

  constructor(database) {
    this.#database = database;
    // Another tab that runs a newer wallet must not wait for this one.
    database.onversionchange = () => database.close();
  }

  /** The kept seed record, or null. */
  seed() {
    return this.value("seed");
  }

  keepSeed(record) {
    return this.keep("seed", record);
  }

  /** One single value, null when there is none. */
  async value(name) {
    return (await this.#transact([VALUES], "readonly", (stores) => settled(stores[VALUES].get(name)))) ?? null;
  }

  keep(name, value) {
    return this.#transact([VALUES], "readwrite", (stores) => settled(stores[VALUES].put(value, name)));
  }

  drop(name) {
    return this.#transact([VALUES], "readwrite", (stores) => settled(stores[VALUES].delete(name)));
  }

  /**
   * Keep the tokens of one batch, in one transaction with the end of the pending batch.
   *
   * Tokens of another band go: the newest evidence speaks. `filled` says what was fetched and when.
   */
  keepBatch(tokens, { band, epoch, keyId, usableUntil }, filled) {
    return this.#transact([TOKENS, VALUES], "readwrite", async (stores) => {
      for (const kept of await settled(stores[TOKENS].getAll())) {
        if (kept.band !== band) stores[TOKENS].delete(kept.nonce);
      }
      for (const token of tokens) {
        const nonce = b64urlEncode(token.subarray(2, 34));
        stores[TOKENS].put({ nonce, token, band, epoch, keyId, usableUntil, reservedFor: null, reservedAt: 0 });
      }
      stores[VALUES].put(filled, "filled");
      stores[VALUES].delete("batch");
    });
  }

  /**
   * Take one token for a presentation: the one whose life ends first. The same request gets the same token again,
   * so that a repeated press or a reload spends no second one; a token taken for one request never serves another,
   * because the door could tell the two apart from others. null when there is none.
   */
  takeToken(requestId, now) {
    return this.#transact([TOKENS], "readwrite", async (stores) => {
      const kept = await settled(stores[TOKENS].getAll());
      const earlier = kept.find((token) => token.reservedFor === requestId);
      if (earlier !== undefined) return earlier;
      const free = kept.filter((token) => isFree(token, now)).sort((a, b) => a.usableUntil - b.usableUntil);
      if (free.length === 0) return null;
      const taken = { ...free[0], reservedFor: requestId, reservedAt: now };
      stores[TOKENS].put(taken);
      return taken;
    });
  }

  /** A token that was spent or refused goes. */
  dropToken(nonce) {
    return this.#transact([TOKENS], "readwrite", (stores) => settled(stores[TOKENS].delete(nonce)));
  }

  /**
   * How many tokens can be spent, their band, and until when the last of them can; whether one is reserved for
   * `requestId`. The dead are swept out.
   */
  tokensLeft(now, requestId = null) {
    return this.#transact([TOKENS], "readwrite", async (stores) => {
      const kept = await settled(stores[TOKENS].getAll());
      for (const token of kept) {
        const isForgotten = token.reservedFor !== null && token.reservedAt + RESERVATION_LIFE <= now;
        if (token.usableUntil <= now || isForgotten) stores[TOKENS].delete(token.nonce);
      }
      const free = kept.filter((token) => isFree(token, now));
      const until = Math.max(0, ...free.map((token) => token.usableUntil));
      const hasReserved = kept.some((token) => token.reservedFor !== null && token.reservedFor === requestId);
      return { count: free.length, band: free[0]?.band ?? null, until, hasReserved };
    });
  }

  /** A key that failed: its tokens and its pending batch go, and it is never used again. */
  discardKey(keyId) {
    return this.#transact([TOKENS, VALUES], "readwrite", async (stores) => {
      for (const token of await settled(stores[TOKENS].getAll())) {
        if (token.keyId === keyId) stores[TOKENS].delete(token.nonce);
      }
      stores[VALUES].delete("batch");
      stores[VALUES].put(true, `refused:${keyId}`);
    });
  }

  async isRefused(keyId) {
    return (await this.value(`refused:${keyId}`)) === true;
  }

  /** Everything goes: tokens, seed, language and all. */
  forgetEverything() {
    return this.#transact([TOKENS, VALUES], "readwrite", (stores) => {
      stores[TOKENS].clear();
      stores[VALUES].clear();
    });
  }

  close() {
    this.#database.close();
  }

  /** Run `work` on the object stores in one transaction; its result, once everything is committed. */
  async #transact(names, mode, work) {
    try {
      const transaction = this.#database.transaction(names, mode);
      const done = new Promise((resolve, reject) => {
        transaction.oncomplete = resolve;
        transaction.onabort = () => reject(transaction.error ?? new Error("aborted"));
      });
      const stores = Object.fromEntries(names.map((name) => [name, transaction.objectStore(name)]));
      const [result] = await Promise.all([work(stores), done]);
      return result;
    } catch (error) {
      throw new WalletError("storage_blocked", `IndexedDB: ${error?.name}`);
    }
  }
}

function isFree(token, now) {
  return token.reservedFor === null && token.usableUntil > now;
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
