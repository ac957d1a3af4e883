// Documents in the state's SQLite file: what schedules and running pipes agree about, one step at a time.
import type { Value } from '../contracts/data.ts';
import type { StateStore } from '../contracts/state.ts';
import type { Database } from './database.ts';

export function documentsIn(db: Database): Pick<StateStore, 'document' | 'change'> {
  const read = (kind: string, name: string): Value | undefined => {
    const found = db.get<{ document: string }>(
      'select document from documents where kind = ? and name = ?',
      kind,
      name,
    );
    return found === undefined ? undefined : (JSON.parse(found.document) as Value);
  };
  return {
    document: async (kind, name) => read(kind, name),
    change: async (kind, name, work) =>
      db.transaction(() => {
        const before = read(kind, name);
        const { after, result } = work(before);
        if (after === undefined) db.run('delete from documents where kind = ? and name = ?', kind, name);
        else
          db.run(
            `insert into documents (kind, name, document) values (?, ?, ?)
             on conflict (kind, name) do update set document = excluded.document`,
            kind,
            name,
            JSON.stringify(after),
          );
        return result;
      }),
  };
}
