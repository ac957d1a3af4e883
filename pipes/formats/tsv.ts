// Tab-separated values: csv with another delimiter.
import type { Format } from '../../engine/contracts/format.ts';
import type { TsvOptions } from '../../schemas/generated/types.ts';
import { decodeCsv } from './csv/decode.ts';
import { encodeCsv } from './csv/encode.ts';

export const tsv: Format<TsvOptions> = {
  name: 'tsv',
  extensions: ['tsv', 'tab'],
  contentTypes: ['text/tab-separated-values', 'text/tsv'],
  decode: decodeCsv,
  encode: encodeCsv,
};
