/**
 * As much of IndexedDB as the wallet's store uses, in memory: one transaction after another, each committed once no
 * request is open any more, values cloned on the way in and out. `factory.fail` makes opening fail as in a browser
 * that keeps nothing.
 */
export class FakeIndexedDB {
  #databases = new Map();
  fail = false;

  open(name) {
    const request = {};
    queueMicrotask(() => {
      if (this.fail) {
        request.error = new DOMException("blocked", "SecurityError");
        return request.onerror?.();
      }
      const isNew = !this.#databases.has(name);
      if (isNew) this.#databases.set(name, new FakeDatabase());
      request.result = this.#databases.get(name);
      if (isNew) request.onupgradeneeded?.();
      request.onsuccess?.();
    });
    return request;
  }
}

class FakeDatabase {
  stores = new Map();
  last = Promise.resolve();

  createObjectStore(name, { keyPath = null } = {}) {
    this.stores.set(name, { keyPath, records: new Map() });
  }

  transaction(names, mode) {
    const transaction = new FakeTransaction(this, names, mode);
    this.last = this.last.then(() => transaction.run());
    return transaction;
  }

  close() {}
}

class FakeTransaction {
  #queue = [];
  #isOver = false;
  #names;
  #mode;
  #database;

  constructor(database, names, mode) {
    this.#database = database;
    this.#names = names;
    this.#mode = mode;
  }

  objectStore(name) {
    if (!this.#names.includes(name)) throw new DOMException("not in scope", "NotFoundError");
    const { keyPath, records } = this.#database.stores.get(name);
    const write = (operation) => this.#request(() => {
      if (this.#mode !== "readwrite") throw new DOMException("read only", "ReadOnlyError");
      return operation();
    });
    return {
      get: (key) => this.#request(() => structuredClone(records.get(key))),
      getAll: () => this.#request(() => [...records.keys()].sort().map((key) => structuredClone(records.get(key)))),
      put: (value, key) => {
        const copy = structuredClone(value);
        return write(() => void records.set(keyPath === null ? key : copy[keyPath], copy));
      },
      delete: (key) => write(() => void records.delete(key)),
      clear: () => write(() => records.clear()),
    };
  }

  #request(operation) {
    if (this.#isOver) throw new DOMException("the transaction is over", "TransactionInactiveError");
    const request = {};
    this.#queue.push({ request, operation });
    return request;
  }

  async run() {
    // Requests are served a turn later, so that whoever made one has set its listeners.
    do {
      await new Promise(setImmediate);
      const waiting = this.#queue.splice(0);
      for (const { request, operation } of waiting) {
        request.result = operation();
        request.onsuccess?.();
      }
      await new Promise(setImmediate);
    } while (this.#queue.length > 0);
    this.#isOver = true;
    this.oncomplete?.();
  }
}
