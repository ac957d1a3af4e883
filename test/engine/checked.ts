// Definitions checked in a folder with a few files, against the shipped tasks, formats and connectors.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { connectors } from '../../connectors/index.ts';
import { checkPipe } from '../../engine/check.ts';
import type { ConnectionHome } from '../../engine/connections.ts';
import type { Diagnostic } from '../../engine/diagnostics.ts';
import { type Loaded, loadText } from '../../engine/load.ts';
import { formats } from '../../pipes/formats/index.ts';
import { shapes } from '../../pipes/index.ts';

const project: ConnectionHome = {
  home: 'project',
  connections: { shop: { connector: 'http', eid: 'g98ffn156zsj' }, files: { connector: 'local' } },
};

export interface CheckedText {
  diagnostics: Diagnostic[];
  definition: object | undefined;
  line(number: number): string | undefined;
}

/** Makes the folder before the tests of a file, and takes it away after them. */
export function checksInFolder() {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'check-'));
    await mkdir(join(folder, 'in'));
    const files = {
      'orders.csv': 'id,total\n1,2\n',
      'photo.png': 'not really',
      'data.dat': 'a;b\n1;2\n',
      'json.dat': '{"a": 1}\n{"a": 2}\n',
      'bundle.zip': 'PK',
      'in/a.csv': 'id\n1\n',
    };
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function checkLoaded({ source, diagnostics, line }: Loaded): Promise<CheckedText> {
    if (source === undefined) return { diagnostics, definition: undefined, line };
    return { ...(await checkPipe(source, { shapes, formats, connectors }, { folder, homes: [project] })), line };
  }
  return {
    checkLoaded,
    checkText: async (text: string) => checkLoaded(await loadText(text, 'pipe.yaml', { list: 'tasks' })),
  };
}
