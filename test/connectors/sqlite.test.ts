// The sqlite connector: a database, in files with a write-ahead log and without.
import { describe } from 'vitest';
import { connector } from '../../connectors/sqlite/index.ts';
import { describeDatabase } from '../conformance/database.ts';
import { describeDelivery } from '../conformance/database-delivery.ts';
import { describeQuery } from '../conformance/database-query.ts';
import { describeReading } from '../conformance/database-reading.ts';
import { createDatabase } from '../servers/sqlite.ts';

const suite = {
  connector,
  schema: 'main',
  placeholder: '?',
  open: () => createDatabase({ wal: true }),
};

describe('with a write-ahead log', () => {
  describeDatabase('sqlite', suite);
  describeDelivery('sqlite', suite);
  describeQuery('sqlite', { ...suite, returning: true, undoesTables: true });
  describeReading('sqlite', {
    ...suite,
    types: {
      bigint: 'bigint',
      decimal: undefined,
      double: 'double',
      timestamp: 'timestamp',
      timestamptz: undefined,
      date: 'date',
      uuid: 'uuid',
      text: 'text',
    },
    unordered: 'json',
  });
});
