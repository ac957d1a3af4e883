// What goes wrong with the answers of the SFTP server of the tests.
import ssh2, { type Attributes, type SFTPWrapper } from 'ssh2';

const { STATUS_CODE } = ssh2.utils.sftp;

export interface SftpFault {
  /** Answers with this status, without doing anything. */
  refuse?: { status: keyof typeof STATUS_CODE; message: string };
  /** Breaks the session: without doing anything, or instead of answering. */
  breaks?: 'before' | 'after';
  /** Says nothing for so long. */
  waitMs?: number;
  /** Gives only this share of the bytes that a read asks for, and one at least. */
  share?: number;
  /** Says so many bytes more, or less, than the file has. */
  sizeOff?: number;
}

type Listener = (id: number, ...rest: unknown[]) => void;

/** The same, with requests that go wrong as `faultOf` says. */
export function disturbed(
  sftp: SFTPWrapper,
  faultOf: (request: string) => SftpFault | undefined,
  breakAll: () => void,
): SFTPWrapper {
  const listen = sftp.on.bind(sftp) as (name: string, listener: Listener) => SFTPWrapper;
  const tell = sftp.attrs.bind(sftp);
  const off = new Map<number, number>();
  sftp.attrs = (id: number, attributes: Attributes) => {
    tell(id, { ...attributes, size: Math.max(0, attributes.size + (off.get(id) ?? 0)) });
    off.delete(id);
  };
  sftp.on = ((name: string, listener: Listener) =>
    listen(name, (id, ...rest) => {
      const fault = /^[A-Z]+$/.test(name) ? faultOf(name) : undefined;
      if (fault === undefined) return listener(id, ...rest);
      const { refuse, breaks, waitMs, share, sizeOff } = fault;
      if (refuse !== undefined) return void sftp.status(id, STATUS_CODE[refuse.status], refuse.message);
      if (breaks !== undefined) {
        breakAll();
        if (breaks === 'after') listener(id, ...rest);
        return;
      }
      if (sizeOff !== undefined) off.set(id, sizeOff);
      if (share !== undefined) rest[2] = Math.max(1, Math.floor((rest[2] as number) * share));
      if (waitMs === undefined) listener(id, ...rest);
      else setTimeout(() => listener(id, ...rest), waitMs);
    })) as typeof sftp.on;
  return sftp;
}
