// Names of keys that tell a secret, for where no schema does.

const names = /password|passphrase|secret|token|api_?key|private_?key|access_?key|credential|authorization|cookie/i;

/** Whether a key's name says that its value is a secret. */
export function looksSecret(key: string): boolean {
  return names.test(key.replaceAll('-', '_'));
}
