// What every credential store must do, whatever it keeps its credentials in.
import { setMaxListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { CredentialStore } from '../../engine/contracts/credentials.ts';
import { credentialOf, isSecret, revealed } from '../../engine/secret.ts';

export interface StoreUnderTest {
  /** Another view of the same kept credentials, as another process would have it. */
  open(): CredentialStore | Promise<CredentialStore>;
  remove?(): Promise<void>;
}

export interface CredentialStoreSuite {
  /** A place of its own for each test, with these credentials in it. */
  create(credentials: Record<string, Record<string, string>>): StoreUnderTest | Promise<StoreUnderTest>;
  /** It must have neither `put` nor `remove`. */
  readOnly?: boolean;
  /** Fields and values that a place of this kind can hold, where not any. */
  field?: string;
}

const o = { signal: new AbortController().signal };
// One signal for many calls at once is what a run has, too.
setMaxListeners(0, o.signal);

const values: Record<string, string> = {
  simple: 'hunter2',
  empty: '',
  'one character': 'x',
  unicode: 'Schlüssel 鍵 🔑 \u{10ffff}',
  'multi-line': '-----BEGIN KEY-----\nabc\r\ndef\n-----END KEY-----\n',
  JSON: '{"a":[1,"\\"",null],"b":"\\u0000"}',
  'control characters': 'a\u0000b\u001bc\u007f\u2028',
  'spaces around': '  a b \t',
  '64 KB': 'Ab3/=+\n'.repeat(9363).slice(0, 65_536),
  '64 KB of unicode': 'ü鍵🔑'.repeat(8192),
};

/** `name` heads the tests. */
export function testCredentialStore(
  name: string,
  { create, readOnly = false, field = 'password' }: CredentialStoreSuite,
): void {
  const using = async (
    credentials: Record<string, Record<string, string>>,
    work: (store: CredentialStore, place: StoreUnderTest) => Promise<void>,
  ): Promise<void> => {
    const place = await create(credentials);
    const store = await place.open();
    try {
      await work(store, place);
    } finally {
      await store.close();
      await place.remove?.();
    }
  };
  const get = async (store: CredentialStore, credential: string, fields?: string[]) => {
    const found = await store.get(credential, fields === undefined ? o : { ...o, fields });
    return found && revealed(found.fields);
  };

  describe(`credential store: ${name}`, () => {
    it('gives what is kept, as secrets, and undefined for what is not', () =>
      using({ 'my-db': { [field]: 'hunter2', user: 'me' }, 'my-api': { [field]: 'other' } }, async (store) => {
        const found = await store.get('my-db', o);
        expect(Object.values(found?.fields ?? {}).every(isSecret)).toBe(true);
        expect(await get(store, 'my-db')).toEqual({ [field]: 'hunter2', user: 'me' });
        expect(await get(store, 'my-api')).toEqual({ [field]: 'other' });
        expect(await get(store, 'my-d')).toBeUndefined();
        expect(await get(store, 'my-db-2')).toBeUndefined();
        expect(JSON.stringify(found)).not.toContain('hunter2');
      }));

    it('gives at least the fields that are asked for', () =>
      using({ 'my-db': { [field]: 'hunter2' } }, async (store) => {
        expect(await get(store, 'my-db', [field, 'another'])).toEqual({ [field]: 'hunter2' });
      }));

    it('has a name, and can be closed twice', () =>
      using({}, async (store) => {
        expect(store.name).toMatch(/^[a-z]+$/);
        await store.close();
        await store.close();
      }));

    it('does nothing once the signal is aborted', () =>
      using({ 'my-db': { [field]: 'hunter2' } }, async (store) => {
        const signal = AbortSignal.abort(new Error('enough'));
        await expect(store.get('my-db', { signal })).rejects.toThrow('enough');
        if (readOnly) return;
        await expect(store.put!('my-db', credentialOf({ [field]: 'changed' }), { signal })).rejects.toThrow('enough');
        await expect(store.remove!('my-db', { signal })).rejects.toThrow('enough');
        await expect(all(store.names!({ signal }))).rejects.toThrow('enough');
        expect(await get(store, 'my-db')).toEqual({ [field]: 'hunter2' });
      }));

    it.each(['', '../x', 'a/b', 'a b', 'ä', '-a', 'a'.repeat(129), '__proto__'])('refuses the name %j', (bad) =>
      using({}, async (store) => {
        await expect(store.get(bad, o)).rejects.toMatchObject({ code: 'CREDENTIAL_NAME_INVALID', fault: 'connection' });
        if (readOnly) return;
        await expect(store.put!(bad, credentialOf({ a: 'b' }), o)).rejects.toMatchObject({
          code: 'CREDENTIAL_NAME_INVALID',
        });
        await expect(store.remove!(bad, o)).rejects.toMatchObject({ code: 'CREDENTIAL_NAME_INVALID' });
      }),
    );

    if (readOnly) {
      it('says that it is read-only by having nothing to write with', () =>
        using({}, async (store) => {
          expect(store.put).toBeUndefined();
          expect(store.remove).toBeUndefined();
        }));
      return;
    }

    it.each(Object.entries(values))('keeps a value: %s', (_, value) =>
      using({}, async (store, place) => {
        await store.put!('my-db', credentialOf({ [field]: value, other: 'x' }), o);
        const again = await place.open();
        for (const each of [store, again]) {
          const { [field]: kept, ...rest } = (await get(each, 'my-db'))!;
          // Not `toBe`: 64 KB would be printed.
          expect(kept === value).toBe(true);
          expect(rest).toEqual({ other: 'x' });
        }
        await again.close();
      }),
    );

    it('keeps fields of any name, and none', () =>
      using({}, async (store) => {
        const fields = JSON.parse('{"__proto__":"a","constructor":"b","ü x":"c","":"d"}') as Record<string, string>;
        await store.put!('my-db', credentialOf(fields), o);
        expect(Object.entries((await get(store, 'my-db'))!).sort()).toEqual(Object.entries(fields).sort());
        await store.put!('my-db', {}, o);
        expect(await get(store, 'my-db')).toEqual({});
      }));

    it('replaces a credential as a whole', () =>
      using({ 'my-db': { [field]: 'old', token: 'old' } }, async (store, place) => {
        const other = await place.open();
        expect(await get(other, 'my-db')).toEqual({ [field]: 'old', token: 'old' });
        await store.put!('my-db', credentialOf({ [field]: 'new' }), o);
        expect(await get(store, 'my-db')).toEqual({ [field]: 'new' });
        expect(await get(other, 'my-db')).toEqual({ [field]: 'new' });
        await other.close();
      }));

    it('keeps names that differ in little apart', () =>
      using({}, async (store) => {
        const names = ['my-db', 'my_db', 'my.db', 'my-db2', 'mydb', 'g98ffn156zsj'];
        for (const each of names) await store.put!(each, credentialOf({ [field]: each }), o);
        for (const each of names) expect(await get(store, each)).toEqual({ [field]: each });
      }));

    it('removes, also what is not there', () =>
      using({ 'my-db': { [field]: 'hunter2' }, 'my-api': { [field]: 'other' } }, async (store, place) => {
        await store.remove!('my-db', o);
        await store.remove!('my-db', o);
        await store.remove!('never-there', o);
        expect(await get(store, 'my-db')).toBeUndefined();
        const again = await place.open();
        expect(await all(again.names!(o))).toEqual(['my-api']);
        await again.close();
      }));

    it('lists names, also many, and none', () =>
      using({}, async (store) => {
        expect(await all(store.names!(o))).toEqual([]);
        const names = Array.from({ length: 120 }, (_, i) => `db-${String(i).padStart(3, '0')}`);
        await Promise.all(names.map((each) => store.put!(each, credentialOf({ [field]: each }), o)));
        expect((await all(store.names!(o))).sort()).toEqual(names);
        expect(await get(store, 'db-077')).toEqual({ [field]: 'db-077' });
      }));

    it('gives a new version with every put, also of the same value', () =>
      using({}, async (store) => {
        const seen = new Set<string>();
        for (let i = 0; i < 3; i += 1) {
          await store.put!('my-db', credentialOf({ [field]: 'same' }), o);
          seen.add((await store.get('my-db', o))!.version!);
        }
        expect(seen.size).toBe(3);
        const { version } = (await store.get('my-db', o))!;
        expect((await store.get('my-db', o))!.version).toBe(version);
      }));

    it('refuses a put after another with ifVersion, and keeps the other', () =>
      using({ 'my-db': { [field]: 'first' } }, async (store, place) => {
        const other = await place.open();
        const { version } = (await store.get('my-db', o))!;
        await other.put!('my-db', credentialOf({ [field]: 'second' }), { ...o, ifVersion: version! });
        await expect(
          store.put!('my-db', credentialOf({ [field]: 'third' }), { ...o, ifVersion: version! }),
        ).rejects.toMatchObject({
          code: 'CREDENTIAL_CHANGED',
          retry: true,
          data: { name: 'my-db' },
        });
        expect(await get(store, 'my-db')).toEqual({ [field]: 'second' });
        await other.close();
      }));

    it('refuses a put with ifVersion after a removal, also when it is there again', () =>
      using({ 'my-db': { [field]: 'first' } }, async (store) => {
        const { version } = (await store.get('my-db', o))!;
        await store.remove!('my-db', o);
        const late = () => store.put!('my-db', credentialOf({ [field]: 'late' }), { ...o, ifVersion: version! });
        await expect(late()).rejects.toMatchObject({ code: 'CREDENTIAL_CHANGED' });
        expect(await get(store, 'my-db')).toBeUndefined();
        await store.put!('my-db', credentialOf({ [field]: 'second' }), o);
        await expect(late()).rejects.toMatchObject({ code: 'CREDENTIAL_CHANGED' });
        expect(await get(store, 'my-db')).toEqual({ [field]: 'second' });
      }));

    it('lets exactly one of many writers at once win with ifVersion', () =>
      using({ 'my-db': { [field]: '0' } }, async (store, place) => {
        const stores = await Promise.all([1, 2, 3, 4].map(() => place.open()));
        const { version } = (await store.get('my-db', o))!;
        const outcomes = await Promise.allSettled(
          Array.from({ length: 12 }, (_, i) =>
            stores[i % 4]!.put!('my-db', credentialOf({ [field]: `writer ${i}` }), { ...o, ifVersion: version! }),
          ),
        );
        const won = outcomes.flatMap(({ status }, i) => (status === 'fulfilled' ? [i] : []));
        expect(won).toHaveLength(1);
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'CREDENTIAL_CHANGED' });
        }
        expect(await get(store, 'my-db')).toEqual({ [field]: `writer ${won[0]}` });
        await Promise.all(stores.map((each) => each.close()));
      }));

    it('loses nothing when many write at once', () =>
      using({}, async (_, place) => {
        const stores = await Promise.all([1, 2, 3, 4].map(() => place.open()));
        const names = Array.from({ length: 40 }, (_, i) => `db-${i}`);
        await Promise.all(names.map((each, i) => stores[i % 4]!.put!(each, credentialOf({ [field]: each }), o)));
        for (const each of names) expect(await get(stores[0]!, each)).toEqual({ [field]: each });
        await Promise.all(stores.map((each) => each.close()));
      }));
  });
}

async function all(names: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const name of names) found.push(name);
  return found;
}
