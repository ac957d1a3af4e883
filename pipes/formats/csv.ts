// Comma-separated values.
import type { Format } from '../../engine/contracts/format.ts';
import type { CsvOptions } from '../../schemas/generated/types.ts';
import { decodeCsv } from './csv/decode.ts';
import { encodeCsv } from './csv/encode.ts';

export const csv: Format<CsvOptions> = {
  name: 'csv',
  extensions: ['csv'],
  contentTypes: ['text/csv', 'application/csv', 'text/x-csv', 'application/x-csv', 'text/comma-separated-values'],
  decode: decodeCsv,
  encode: encodeCsv,
};
