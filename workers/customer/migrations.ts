// The tables of a customer's object, as an append-only list. A migration that has run is kept word for word; one that
// was edited afterwards is drift and is refused, because objects in the field have run the old words.

/** Never change or remove an entry; add one. Each table and index is paid for with every new customer, so there are few. */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE customer (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     name TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     last_activity_at INTEGER,
     last_input_at INTEGER NOT NULL,
     events INTEGER NOT NULL,
     revision INTEGER NOT NULL,
     dirty_since INTEGER,
     importing INTEGER NOT NULL,
     catalog_version INTEGER NOT NULL,
     runs_started INTEGER NOT NULL,
     moved_to TEXT,
     released INTEGER NOT NULL
   );
   CREATE TABLE parts (name TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
   CREATE TABLE entries (
     seq INTEGER PRIMARY KEY,
     at INTEGER NOT NULL,
     applied_at INTEGER NOT NULL,
     kind TEXT NOT NULL,
     name TEXT,
     message_id TEXT,
     body TEXT NOT NULL
   );
   CREATE INDEX entries_by_name ON entries (name, at) WHERE name IS NOT NULL;
   CREATE UNIQUE INDEX entries_by_message ON entries (message_id) WHERE message_id IS NOT NULL`,
];

/** Whether the object has tables at all; an object that was only asked about stays without. */
export function hasTables(sql: SqlStorage): boolean {
  return sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'parts'").toArray().length > 0;
}

/** Applies what is missing. Inside the caller's transaction. @throws on drift: an applied migration reads differently now */
export function migrate(sql: SqlStorage, migrations: readonly string[] = MIGRATIONS): void {
  const applied = hasTables(sql)
    ? sql
        .exec<{ name: string; body: string }>(
          "SELECT name, body FROM parts WHERE name >= 'migration:' AND name < 'migration;' ORDER BY name",
        )
        .toArray()
    : [];
  applied.forEach((row, index) => {
    if (row.body !== migrations[index])
      throw new Error(`drift: migration ${index} of the customer's object was changed after it had run`);
  });
  for (let index = applied.length; index < migrations.length; index++) {
    const statements = migrations[index] ?? '';
    sql.exec(statements);
    sql.exec('INSERT INTO parts (name, body) VALUES (?, ?)', migrationName(index), statements);
  }
}

const migrationName = (index: number): string => `migration:${String(index).padStart(4, '0')}`;
