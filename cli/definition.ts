// Where a command's definition comes from: a file, or stdin.
import { failure } from '../engine/errors.ts';
import type { DefinitionSource } from '../index.ts';

/** The named file, or what stdin holds for `-`. */
export async function readDefinition(file: string): Promise<DefinitionSource> {
  if (file !== '-') return file;
  if (process.stdin.isTTY) throw failure('STDIN_CLOSED');
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks);
  if (text.length === 0)
    throw failure('INPUT_EMPTY', { path: 'stdin', hint: 'pipe a definition into it, as in `pipe run - < pipe.yaml`' });
  return { text: text.toString('utf8'), file: '-' };
}
