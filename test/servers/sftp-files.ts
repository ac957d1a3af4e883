// SFTP requests answered from a folder of this machine, as version 3 of the protocol says (draft-ietf-secsh-filexfer-02).
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  renameSync,
  rmdirSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { resolve } from 'node:path';
import ssh2, { type Attributes, type SFTPWrapper } from 'ssh2';

const { OPEN_MODE, STATUS_CODE, flagsToString } = ssh2.utils.sftp;
const namesAtOnce = 100;

type Open = { file: number } | { names: { filename: string; longname: string; attrs: Attributes }[] };

/** Told of the bytes of files that come and go. */
interface OnBytes {
  came(count: number): void;
  went(count: number): void;
}

export function answerSftp(sftp: SFTPWrapper, folder: string, onBytes: OnBytes): void {
  const open = new Map<number, Open>();
  let last = 0;
  const at = (path: string) => resolve(folder, path);
  const handleOf = (what: Open) => {
    open.set(++last, what);
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE(last);
    return handle;
  };
  const openAt = (handle: Buffer) => open.get(handle.readUInt32BE(0));
  const fileAt = (handle: Buffer): number => {
    const found = openAt(handle);
    if (found === undefined || !('file' in found)) throw new Error('no such handle');
    return found.file;
  };
  /** Does it and answers with what came of it; what it throws is a status. */
  const answering =
    <A extends unknown[]>(work: (id: number, ...rest: A) => void) =>
    (id: number, ...rest: A) => {
      try {
        work(id, ...rest);
      } catch (error) {
        sftp.status(id, codeOf(error as NodeJS.ErrnoException), (error as Error).message);
      }
    };
  const done = <A extends unknown[]>(work: (...rest: A) => void) =>
    answering<A>((id, ...rest) => {
      work(...rest);
      sftp.status(id, STATUS_CODE.OK);
    });

  sftp.on(
    'OPEN',
    answering((id: number, path: string, flags: number, { mode }: Attributes) => {
      const how = flags & OPEN_MODE.EXCL ? (flags & OPEN_MODE.READ ? 'wx+' : 'wx') : (flagsToString(flags) ?? 'r');
      sftp.handle(id, handleOf({ file: openSync(at(path), how, mode ?? 0o666) }));
    }),
  );
  sftp.on(
    'READ',
    answering((id: number, handle: Buffer, offset: number, length: number) => {
      const bytes = Buffer.alloc(length);
      const count = readSync(fileAt(handle), bytes, 0, length, offset);
      onBytes.went(count);
      if (count === 0) sftp.status(id, STATUS_CODE.EOF);
      else sftp.data(id, bytes.subarray(0, count));
    }),
  );
  sftp.on(
    'WRITE',
    done((handle: Buffer, offset: number, data: Buffer) => {
      writeSync(fileAt(handle), data, 0, data.length, offset);
      onBytes.came(data.length);
    }),
  );
  sftp.on(
    'CLOSE',
    done((handle: Buffer) => {
      const found = openAt(handle);
      open.delete(handle.readUInt32BE(0));
      if (found !== undefined && 'file' in found) closeSync(found.file);
    }),
  );
  sftp.on(
    'FSTAT',
    answering((id: number, handle: Buffer) => sftp.attrs(id, attributesOf(fstatSync(fileAt(handle))))),
  );
  sftp.on(
    'STAT',
    answering((id: number, path: string) => sftp.attrs(id, attributesOf(statSync(at(path))))),
  );
  sftp.on(
    'LSTAT',
    answering((id: number, path: string) => sftp.attrs(id, attributesOf(lstatSync(at(path))))),
  );
  sftp.on(
    'FSETSTAT',
    done((handle: Buffer, { mode, uid, gid }: Partial<Attributes>) => {
      if (uid !== undefined && gid !== undefined) fchownSync(fileAt(handle), uid, gid);
      if (mode !== undefined) fchmodSync(fileAt(handle), mode & 0o7777);
    }),
  );
  sftp.on(
    'OPENDIR',
    answering((id: number, path: string) => {
      const names = readdirSync(at(path)).map((filename) => ({
        filename,
        longname: filename,
        attrs: attributesOf(lstatSync(resolve(at(path), filename))),
      }));
      sftp.handle(id, handleOf({ names }));
    }),
  );
  sftp.on(
    'READDIR',
    answering((id: number, handle: Buffer) => {
      const found = openAt(handle);
      if (found === undefined || !('names' in found)) throw new Error('no such handle');
      if (found.names.length === 0) sftp.status(id, STATUS_CODE.EOF);
      else sftp.name(id, found.names.splice(0, namesAtOnce));
    }),
  );
  sftp.on(
    'REMOVE',
    done((path: string) => unlinkSync(at(path))),
  );
  sftp.on(
    'RMDIR',
    done((path: string) => rmdirSync(at(path))),
  );
  sftp.on(
    'MKDIR',
    done((path: string) => mkdirSync(at(path))),
  );
  sftp.on(
    'REALPATH',
    answering((id: number, path: string) => {
      sftp.name(id, [{ filename: realpathSync(at(path)), longname: '', attrs: {} as Attributes }]);
    }),
  );
  // "It is an error if there already exists a file with the name specified by newpath" (6.5).
  sftp.on(
    'RENAME',
    done((from: string, to: string) => {
      if (lstatSync(at(to), { throwIfNoEntry: false }) !== undefined) throw new Error('Failure');
      renameSync(at(from), at(to));
    }),
  );
  sftp.on('close', () => {
    for (const each of open.values()) if ('file' in each) closeSync(each.file);
  });
}

function attributesOf({ mode, uid, gid, size, atimeMs, mtimeMs }: Stats): Attributes {
  return { mode, uid, gid, size, atime: Math.floor(atimeMs / 1000), mtime: Math.floor(mtimeMs / 1000) };
}

function codeOf({ code }: NodeJS.ErrnoException): number {
  if (code === 'ENOENT' || code === 'ENOTDIR') return STATUS_CODE.NO_SUCH_FILE;
  if (code === 'EACCES' || code === 'EPERM') return STATUS_CODE.PERMISSION_DENIED;
  return STATUS_CODE.FAILURE;
}
