// What the server tells of a file.

/** As SFTP gives them; times in seconds since 1970. */
export interface Attributes {
  mode: number;
  size: number;
  mtime: number;
  uid: number;
  gid: number;
}

const kindOf = ({ mode }: Attributes) => mode & 0o170000;

export function isFolder(attributes: Attributes): boolean {
  return kindOf(attributes) === 0o040000;
}

/** A server that tells no kind means a file. */
export function isFile(attributes: Attributes): boolean {
  return kindOf(attributes) === 0o100000 || kindOf(attributes) === 0;
}

export function isLink(attributes: Attributes): boolean {
  return kindOf(attributes) === 0o120000;
}

export function modifiedOf({ mtime }: Attributes): string {
  return new Date(mtime * 1000).toISOString();
}
