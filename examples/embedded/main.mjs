// Pipewright inside a program: a pipe built in code, its events, its report, and rows read one by one.
import { createEngine, pipe } from 'pipewright';

const engine = createEngine({ folder: import.meta.dirname });

const orders = pipe('big-orders')
  .with({ params: { minimum: { type: 'integer', default: 100 } } })
  .read('input/orders.csv', { format: { name: 'csv', columns: { amount: 'integer' } } })
  .filter('record.amount >= params.minimum')
  .set({ size: '${record.amount >= 500 ? "large" : "medium"}' })
  .write('output/orders.ndjson');

const run = engine.run(orders, { params: { minimum: 200 } });
for await (const event of run.events()) {
  if (event.type === 'task.ended') console.log(`${event.op}: ${event.figures.rows} rows`);
}
const report = await run.result;
console.log(`${report.pipe} is ${report.status}`);

for await (const row of engine.read('output/orders.ndjson')) console.log(row.id, row.size);
await engine.close();
