// Large files on their way to a Dropbox: in parts, or as their bytes come.
import { describe, expect, test } from 'vitest';
import type { FileItem } from '../../engine/contracts/data.ts';
import { bytesInUse, fileOf, pattern } from '../conformance/files.ts';
import { failureOf } from '../conformance/streams.ts';
import { appendTo, box, copy, createJournal, mib, rangesOf, wrong } from './dropbox-connected.ts';

describe('in parts', () => {
  test('several at once, each read from its own range, in whatever order they come', async () => {
    const { server, connection } = await box();
    const content = pattern(23 * mib + 5);
    const { item, read } = rangesOf(content);
    let atOnce = 0;
    let most = 0;
    server.fault = (endpoint, call) => {
      if (endpoint !== appendTo) return undefined;
      most = Math.max(most, ++atOnce);
      // Long enough for the first three to meet; the second is done before them.
      const waitMs = call > 3 ? 1 : call === 2 ? 700 : 1000;
      setTimeout(() => atOnce--, waitMs);
      return { waitMs };
    };
    expect(await copy(connection, item)).toEqual({ bytes: content.length, paths: ['/box/big'] });
    expect(server.bytesOf('/big')!.equals(content)).toBe(true);
    expect(read.slice(0, 6).sort()).toEqual(['0-4', '12-16', '16-20', '20-23.000004768371582', '4-8', '8-12']);
    expect(read).toHaveLength(6);
    expect(read.at(-1)).toMatch(/^20-/);
    expect(most).toBe(3);
    expect(server.openSessions()).toBe(0);
  });

  test.each([8 * mib, 8 * mib + 1, 12 * mib - 1])('%i bytes', async (size) => {
    const { server, connection } = await box();
    const content = pattern(size);
    await copy(connection, rangesOf(content).item);
    expect(server.bytesOf('/big')!.equals(content)).toBe(true);
  });

  test('a size of parts that Dropbox does not take is rounded', async () => {
    const { server, connection } = await box();
    const { item, read } = rangesOf(pattern(20 * mib));
    await copy(connection, item, undefined, { parts: { bytes: 9 * mib, atOnce: 2 } });
    expect(read).toEqual(['0-8', '8-16', '16-20']);
    expect(server.contents()).toEqual(['big']);
  });

  test.each(['concurrent_session_invalid_offset', 'incorrect_offset'])(
    'an answer that is lost, where a part that is there is refused as %s',
    async (again) => {
      const { server, connection } = await box({ again });
      server.fault = (endpoint, call) => (endpoint === appendTo && call % 2 === 1 ? { lose: true } : undefined);
      const content = pattern(18 * mib);
      await copy(connection, rangesOf(content).item);
      expect(server.bytesOf('/big')!.equals(content)).toBe(true);
    },
  );

  test('bytes that were changed on the way are sent again', async () => {
    const { server, connection } = await box();
    server.fault = (endpoint, call) => (endpoint === appendTo && call === 2 ? { corrupt: true } : undefined);
    const content = pattern(18 * mib);
    await copy(connection, rangesOf(content).item);
    expect(server.bytesOf('/big')!.equals(content)).toBe(true);
    expect(server.moved.in).toBe(22 * mib);
  });

  test('what Dropbox made of them is looked at', async () => {
    const { server, connection } = await box();
    const { journal, notes } = createJournal();
    server.fault = (endpoint) => (endpoint.endsWith('/finish') ? { damage: true } : undefined);
    const { code, message } = await failureOf(copy(connection, rangesOf(pattern(9 * mib)).item, journal));
    expect([code, message]).toEqual(['IO_FAILED', expect.stringContaining('is not what was sent')]);
    expect(notes.size).toBe(0);
  });

  test('a source that gives less than it said, or more', async () => {
    const { server, connection } = await box();
    for (const change of [-1, 1]) {
      const { item } = rangesOf(pattern(9 * mib));
      const open: FileItem['open'] = (range) => item.open({ start: range!.start, end: range!.end! + change });
      expect((await failureOf(copy(connection, { ...item, open }))).code).toBe('INPUT_TRUNCATED');
    }
    expect(server.contents()).toEqual([]);
  });

  test('no more is held than the parts on their way', async () => {
    const { connection } = await box();
    const size = 160 * mib;
    const chunk = pattern(mib);
    const item = fileOf('big', '', {
      size,
      async *open({ start, end = size } = { start: 0 }) {
        for (let at = start; at < end; at += mib) yield chunk;
      },
    });
    const before = bytesInUse();
    let most = 0;
    const onProgress = () => {
      most = Math.max(most, bytesInUse() - before);
    };
    await copy(connection, item, undefined, { parts: { bytes: 8 * mib, atOnce: 2 }, onProgress });
    expect(most).toBeLessThan(2 * 8 * mib + 8 * mib);
  });
});

describe('as the bytes come', () => {
  test('the next part is read while one is sent, and none after it', async () => {
    const { server, connection } = await box();
    let given = 0;
    const seen: number[] = [];
    server.fault = (endpoint) => {
      if (!endpoint.startsWith('files/upload_session/')) return undefined;
      setTimeout(() => seen.push(given), 60);
      return { waitMs: 80 };
    };
    const content = pattern(14 * mib);
    const item = fileOf('big', '', {
      async *open() {
        for (let at = 0; at < content.length; at += mib) {
          given = at + mib;
          yield content.subarray(at, at + mib);
        }
      },
    });
    await copy(connection, item);
    expect(server.bytesOf('/big')!.equals(content)).toBe(true);
    // The chunk after a part tells that it was not the last.
    expect(seen.map((bytes) => bytes / mib)).toEqual([9, 13, 14, 14, 14]);
  });

  test('a failure does not wait for a source that says nothing', async () => {
    const { server, connection } = await box();
    server.fault = () => wrong;
    const item = fileOf('big', '', {
      async *open() {
        for (let i = 0; i < 5; i++) yield Buffer.alloc(mib);
        await new Promise(() => {});
      },
    });
    expect((await failureOf(copy(connection, item))).code).toBe('HTTP_STATUS');
  });
});
