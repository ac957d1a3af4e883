// How long a check takes whose pipe is in a project with many connections: it grows with their number and stays under a second.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { alternate, measure, median } from './measure.ts';

const command = join(import.meta.dirname, '..', 'dist/cli/main.js');

/** A project file with that many connections of four fields each. */
export function projectText(count: number): string {
  const connections = Array.from(
    { length: count },
    (_, i) => `  api-${i}:
    connector: http
    base_url: https://api-${i}.example.com/v1/
    auth: bearer
    headers: { accept: application/json }
`,
  );
  return `connections:\n${connections.join('')}`;
}

/** A pipe that uses the last of them. */
export function pipeText(count: number): string {
  return `tasks:
  - { op: read, path: /api-${count - 1}/orders.csv }
  - { op: write, path: out.csv }
`;
}

export async function benchConnections(rounds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pipe-bench-'));
  try {
    const counts = [1, 1250, 2500, 5000, 10_000];
    const contenders = Object.fromEntries(
      counts.map((count) => {
        const own = mkdtempSync(join(folder, 'project-'));
        writeFileSync(join(own, 'pipewright.yaml'), projectText(count));
        writeFileSync(join(own, 'pipe.yaml'), pipeText(count));
        return [String(count), () => measure(process.execPath, [command, 'check', join(own, 'pipe.yaml')])];
      }),
    );
    const results = await alternate(contenders, rounds);
    console.log(`\ncheck with connections in pipewright.yaml, median of ${rounds}`);
    const seconds = (count: number) => median(results[String(count)]!.map((run) => run.seconds));
    for (const count of counts) {
      const each = count === 1 ? '' : `, ${(((seconds(count) - seconds(1)) / count) * 1e6).toFixed(0)} µs for each`;
      console.log(`  ${String(count).padStart(6)}  ${(seconds(count) * 1000).toFixed(0)} ms${each}`);
    }
    console.log(`  10,000 take ${seconds(10_000).toFixed(2)} s (under 1)`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
