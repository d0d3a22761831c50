// Storage of node-oidc-provider on node:sqlite: each change is on disk before it is answered (synchronous=FULL).

import { DatabaseSync } from 'node:sqlite';

const CONSUMED = "json_set(payload, '$.consumed', ?)";
const KEY = 'model = ? AND id = ?';

export function openDatabase(file) {
  const database = new DatabaseSync(file);
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS stored (
      model TEXT NOT NULL, id TEXT NOT NULL, payload TEXT NOT NULL,
      grant_id TEXT, uid TEXT, user_code TEXT, expires_at INTEGER,
      PRIMARY KEY (model, id)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS stored_grant ON stored (grant_id) WHERE grant_id IS NOT NULL;
    CREATE INDEX IF NOT EXISTS stored_uid ON stored (uid) WHERE uid IS NOT NULL;
    CREATE INDEX IF NOT EXISTS stored_user_code ON stored (user_code) WHERE user_code IS NOT NULL;
  `);
  return {
    upsert: database.prepare(`INSERT INTO stored VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET payload = excluded.payload, grant_id = excluded.grant_id, uid = excluded.uid,
        user_code = excluded.user_code, expires_at = excluded.expires_at`),
    find: database.prepare(`SELECT payload, expires_at FROM stored WHERE ${KEY}`),
    findByUid: database.prepare('SELECT payload, expires_at FROM stored WHERE model = ? AND uid = ?'),
    findByUserCode: database.prepare('SELECT payload, expires_at FROM stored WHERE model = ? AND user_code = ?'),
    consume: database.prepare(`UPDATE stored SET payload = ${CONSUMED} WHERE ${KEY}`),
    destroy: database.prepare(`DELETE FROM stored WHERE ${KEY}`),
    revoke: database.prepare('DELETE FROM stored WHERE grant_id = ?'),
  };
}

const now = () => Math.floor(Date.now() / 1000);

function opened(row) {
  if (row === undefined || (row.expires_at !== null && row.expires_at <= now())) {
    return undefined;
  }
  return JSON.parse(row.payload);
}

export class SqliteAdapter {
  constructor(model, statements) {
    this.model = model;
    this.statements = statements;
  }

  async upsert(id, payload, expiresIn) {
    const { grantId = null, uid = null, userCode = null } = payload;
    const expiresAt = expiresIn === undefined ? null : now() + expiresIn;
    this.statements.upsert.run(this.model, id, JSON.stringify(payload), grantId, uid, userCode, expiresAt);
  }

  async find(id) {
    return opened(this.statements.find.get(this.model, id));
  }

  async findByUid(uid) {
    return opened(this.statements.findByUid.get(this.model, uid));
  }

  async findByUserCode(userCode) {
    return opened(this.statements.findByUserCode.get(this.model, userCode));
  }

  async consume(id) {
    this.statements.consume.run(now(), this.model, id);
  }

  async destroy(id) {
    this.statements.destroy.run(this.model, id);
  }

  async revokeByGrantId(grantId) {
    this.statements.revoke.run(grantId);
  }
}
