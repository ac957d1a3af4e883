// The path grammar of the language: what a path means, its pattern, and how it is shown.
import { failure } from './errors.ts';

export type Path =
  /** `name` is an alias or an EID; `path` has no leading slash. */
  | { kind: 'connection'; name: string; path: string }
  | { kind: 'url'; url: string }
  /** Relative to the pipe file's folder, or absolute when it was a `file:///` path. */
  | { kind: 'local'; path: string }
  | { kind: 'stdio' };

/** In characters; longer than any system takes. */
const longest = 8_192;

const url = /^https?:\/\//i;
const scheme = /^([a-z][a-z0-9+.-]*):\/\//i;
const prefixed = /^([a-z][a-z0-9_-]+):\/(?!\/)/i;

/** Takes a path of the language apart. Throws PATH_INVALID. Says nothing about whether the connection or file exists. */
export function splitPath(text: string): Path {
  if (text.trim() === '') throw invalid(text, 'is empty');
  if (text.length > longest) throw invalid(text, `is longer than ${longest} characters`);
  if (text.includes('\0')) throw invalid(text, 'has a NUL character in it');
  if (text === '-') return { kind: 'stdio' };
  if (url.test(text)) return splitUrl(text);
  if (/^file:/i.test(text)) return splitFileUrl(text);
  const foreign = scheme.exec(text);
  if (foreign) {
    const reason = `starts with ${foreign[1]}://; make a connection for that system, then write /its-alias/…`;
    throw invalid(withoutLogin(text), reason);
  }
  const prefix = prefixed.exec(text);
  if (prefix) return inConnection(text, prefix[1]!, text.slice(prefix[0].length));
  if (text.startsWith('/')) {
    const end = text.indexOf('/', 1);
    return end < 0
      ? inConnection(text, text.slice(1), '')
      : inConnection(text, text.slice(1, end), text.slice(end + 1));
  }
  if (text === '~' || text.startsWith('~/')) {
    throw invalid(
      text,
      'starts with ~, which only a shell knows; write the folder in full, as in file:///home/me/a.csv',
    );
  }
  return { kind: 'local', path: text };
}

/** As a user would write it; `splitPath` of it gives the same path again. */
export function showPath(path: Path): string {
  switch (path.kind) {
    case 'connection':
      return path.path === '' ? `/${path.name}` : `/${path.name}/${path.path}`;
    case 'url':
      return path.url;
    case 'stdio':
      return '-';
    case 'local':
      return path.path.startsWith('/') ? `file://${path.path.replaceAll('%', '%25')}` : path.path;
  }
}

function splitUrl(text: string): Path {
  if (!URL.canParse(text)) throw invalid(text, 'is not a URL that can be read');
  const { username, password } = new URL(text);
  if (username !== '' || password !== '') {
    throw invalid(
      withoutLogin(text),
      'has a user name or password in it; make a connection with connector http and write /its-alias/…',
    );
  }
  return { kind: 'url', url: text };
}

function splitFileUrl(text: string): Path {
  const match = /^file:\/\/(?:localhost)?(\/.*)$/is.exec(text);
  if (!match) throw invalid(text, 'must have three slashes, as in file:///data/a.csv');
  try {
    return { kind: 'local', path: decodeURIComponent(match[1]!) };
  } catch {
    throw invalid(text, 'has a % that is not followed by two hexadecimal digits; write %25 for the character itself');
  }
}

function inConnection(text: string, name: string, path: string): Path {
  if (name === '')
    throw invalid(text, 'has no connection between its first two slashes; a file of this machine is file:///…');
  if (hasPattern(name)) throw invalid(text, 'has a pattern where its connection stands; name one connection');
  const parts = path.split('/').filter((part) => part !== '.');
  if (parts.includes('..')) throw invalid(text, 'goes up with ".."; write the path from the root of the connection');
  return { kind: 'connection', name, path: parts.join('/') };
}

function withoutLogin(text: string): string {
  return text.replace(/^([^/]*:\/\/)[^/]*@/, '$1');
}

function invalid(path: string, reason: string) {
  return failure('PATH_INVALID', { path: path.length > 200 ? `${path.slice(0, 200)}…` : path, reason });
}

// ---- Patterns -----------------------------------------------------------------------------------------------

const braces = /\{[^{},/]*,[^{}/]*\}/;
/** The same at the start of a text whose backslashes are still there. */
const group = /^\{(?:\\.|[^{}/\\,])*(?:,(?:\\.|[^{}/\\,])*)+\}/s;

/** Whether the inside of a path (not a URL) names many files: `*`, `**`, `?` or `{a,b}`. A backslash makes one plain. */
export function hasPattern(path: string): boolean {
  const bare = path.replace(/\\./gs, '');
  return /[*?]/.test(bare) || braces.test(bare);
}

/** The folder above the first part with a pattern (`''` when there is none) and the rest. */
export function splitPattern(pattern: string): { base: string; rest: string } {
  const parts = pattern.split('/');
  let plain = parts.findIndex(hasPattern);
  if (plain < 0) plain = parts.length - 1;
  const base = parts.slice(0, plain).join('/');
  return {
    base: withoutEscapes(base === '' && pattern.startsWith('/') ? '/' : base),
    rest: parts.slice(plain).join('/'),
  };
}

/** The path that a text without a pattern means: its backslashes undone. */
export function withoutEscapes(path: string): string {
  return path.replace(/\\([*?{},\\])/g, '$1');
}

/** A test of whole paths against a pattern. As in a shell, `*` and `?` pass over names that start with a dot. */
export function matcher(pattern: string): (path: string) => boolean {
  // Two `**` in a row mean what one means, and take much longer.
  const parts = pattern.split('/').filter((part, index, all) => part !== '**' || all[index + 1] !== '**');
  let source = '';
  parts.forEach((part, index) => {
    const last = index === parts.length - 1;
    if (part === '**') source += last ? '(?:(?!\\.)[^/]+(?:/(?!\\.)[^/]+)*)?' : '(?:(?!\\.)[^/]+/)*';
    else source += partSource(part) + (last ? '' : '/');
  });
  const expression = new RegExp(`^${source}$`, 'su');
  return (path) => expression.test(path);
}

function partSource(part: string): string {
  const hidden = /^[*?]/.test(part) ? '(?!\\.)' : '';
  let source = '';
  let depth = 0;
  for (let i = 0; i < part.length; ) {
    const character = String.fromCodePoint(part.codePointAt(i)!);
    i += character.length;
    if (character === '\\' && i < part.length) {
      const next = String.fromCodePoint(part.codePointAt(i)!);
      source += literal(next);
      i += next.length;
    } else if (character === '*') {
      while (part[i] === '*') i++;
      source += '[^/]*';
    } else if (character === '?') source += '[^/]';
    else if (character === '{' && depth === 0 && group.test(part.slice(i - 1))) {
      source += '(?:';
      depth++;
    } else if (character === ',' && depth > 0) source += '|';
    else if (character === '}' && depth > 0) {
      source += ')';
      depth--;
    } else source += literal(character);
  }
  return hidden + source;
}

function literal(character: string): string {
  return /[\^$\\.*+?()[\]{}|/]/.test(character) ? `\\${character}` : character;
}
