// Decoding CSV: the options of the dialect one by one, types, and each error with its text.
import { describe, expect, test } from 'vitest';
import type { Encoding, Row } from '../../engine/contracts/data.ts';
import { csv } from '../../pipes/formats/csv.ts';
import { tsv } from '../../pipes/formats/tsv.ts';
import type { CsvOptions } from '../../schemas/generated/types.ts';
import { chunksOf, collect, contextFor, failureOf, rowsOf } from '../conformance/streams.ts';

const context = contextFor('in/a.csv');
type Options = Omit<CsvOptions, 'name'>;

function open(input: string | Buffer, options: Options = {}, sizes?: readonly number[]) {
  return csv.decode(chunksOf(Buffer.from(input as string), sizes), { name: 'csv', ...options }, context);
}

async function read(input: string | Buffer, options: Options = {}): Promise<Row[]> {
  const rows = await rowsOf(await open(input, options));
  for (const size of [1, 3]) expect(await rowsOf(await open(input, options, [size]))).toEqual(rows);
  return rows;
}

async function message(input: string | Buffer, options: Options = {}): Promise<string> {
  return (await failureOf(open(input, options).then(rowsOf))).message;
}

async function types(input: string, options: Options): Promise<Record<string, string>> {
  const { columns } = await open(input, options);
  return Object.fromEntries(columns!.map(({ name, type }) => [name, type]));
}

describe('the header', () => {
  test('names the columns, all of them text', async () => {
    const stream = await open('id,name\n1,Ann\n');
    expect(stream.columns).toEqual([
      { name: 'id', type: 'text' },
      { name: 'name', type: 'text' },
    ]);
    expect(await rowsOf(stream)).toEqual([{ id: '1', name: 'Ann' }]);
  });

  test('alone is a file of no rows', async () => {
    expect(await read('id,name')).toEqual([]);
    expect(await read('id,name\r\n')).toEqual([]);
  });

  test('may come after empty lines and after skipped ones', async () => {
    expect(await read('\n\r\nid,name\n1,Ann\n')).toEqual([{ id: '1', name: 'Ann' }]);
    expect(await read('Report "of\nMonday\nid,name\n1,Ann\n', { skip_lines: 2 })).toEqual([{ id: '1', name: 'Ann' }]);
  });

  test('left out: numbered columns, or those of `columns`', async () => {
    expect(await read('1,Ann\n2,Bob\n', { header: false })).toEqual([
      { column1: '1', column2: 'Ann' },
      { column1: '2', column2: 'Bob' },
    ]);
    expect(await read('1,Ann\n', { header: false, columns: ['id', 'name'] })).toEqual([{ id: '1', name: 'Ann' }]);
    expect(await read('1,Ann\n', { header: false, columns: { id: 'integer', name: 'text' } })).toEqual([
      { id: 1, name: 'Ann' },
    ]);
  });

  test('gives way to a list of names', async () => {
    expect(await read('a,b\n1,2\n', { columns: ['x', 'y'] })).toEqual([{ x: '1', y: '2' }]);
    expect(await message('a,b,c\n', { columns: ['x', 'y'] })).toBe(
      'in/a.csv:1: the header has 3 fields and `columns` names 2',
    );
  });

  test('with a name missing or twice is refused', async () => {
    const advice = 'mend the header, or say `header: false`, `skip_lines: 1` and name the `columns`';
    expect(await message('id,,name\n')).toBe(`in/a.csv:1: column 2 of 3 has no name; ${advice}`);
    expect(await message('\nid,name,id\n')).toBe(`in/a.csv:2: columns 1 and 3 have the same name "id"; ${advice}`);
  });

  test('of a file whose lines end in CR is refused', async () => {
    expect(await message('id,name\r1,Ann\r2,Bob\r')).toMatch(/^in\/a\.csv:1: the lines end in CR alone/);
  });

  test('with names that objects have anyway makes plain columns of them', async () => {
    const [row] = await read('__proto__,constructor,toString,2\na,b,c,d\n');
    expect(Object.keys(row!).sort()).toEqual(['2', '__proto__', 'constructor', 'toString']);
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
    expect(Object.getOwnPropertyDescriptor(row, '__proto__')?.value).toBe('a');
  });

  test('of more columns than are compiled is read as well', async () => {
    const names = Array.from({ length: 1500 }, (_, index) => `c${index}`);
    const values = names.map((_, index) => (index % 7 === 0 ? `"${index},"` : index % 5 === 0 ? '' : String(index)));
    const [row] = await read(`${names.join(',')}\n${values.join(',')}\r\n`);
    expect(Object.keys(row!)).toEqual(names);
    expect([row?.c0, row?.c1, row?.c5, row?.c1498]).toEqual(['0,', '1', null, '1498,']);
  });
});

describe('an empty file', () => {
  test('is refused, unless the columns are named', async () => {
    const expected =
      'in/a.csv is empty; the columns of a CSV file are in its header; name them in `columns` if a file may be empty';
    expect(await message('')).toBe(expected);
    expect(await message('\ufeff\n\n')).toBe(expected);
    expect(await read('', { columns: { id: 'integer' } })).toEqual([]);
    expect(await types('', { columns: { id: 'integer' } })).toEqual({ id: 'integer' });
  });
});

describe('the dialect', () => {
  test('an empty field is NULL, "" is empty text', async () => {
    expect(await read('a,b,c\n,"",x\n')).toEqual([{ a: null, b: '', c: 'x' }]);
  });

  test('null_text: what stands for NULL without quotes', async () => {
    expect(await read('a,b,c\nNA,"NA",\n', { null_text: 'NA' })).toEqual([{ a: null, b: 'NA', c: '' }]);
    expect(await read('a,b,c\nNA,"NA",\n', { null_text: ['', 'NA'] })).toEqual([{ a: null, b: 'NA', c: null }]);
  });

  test('delimiter: of one character, several, or not of ASCII', async () => {
    expect(await read('a;b\n1,5;"x;y"\n', { delimiter: ';' })).toEqual([{ a: '1,5', b: 'x;y' }]);
    expect(await read('a||b\n1|5||"x||y"\n', { delimiter: '||' })).toEqual([{ a: '1|5', b: 'x||y' }]);
    expect(await read('a§b\n1§"x§y"\n', { delimiter: '§' })).toEqual([{ a: '1', b: 'x§y' }]);
  });

  test('quote and escape', async () => {
    expect(await read("a,b\n'x,''y',\"z\n", { quote: "'" })).toEqual([{ a: "x,'y", b: '"z' }]);
    expect(await read('a,b\n"x\\"\\\\y\\z",w\\\n', { escape: '\\' })).toEqual([{ a: 'x"\\y\\z', b: 'w\\' }]);
    expect(await read('a,b\n"x,y"\n', { quote: '' })).toEqual([{ a: '"x', b: 'y"' }]);
  });

  test('quotes inside of long fields, doubled and escaped', async () => {
    const value = 'é"x""\\\\\n'.repeat(5000);
    const doubled = `a,b\n"${value.replaceAll('"', '""')}",1\n`;
    expect(await rowsOf(await open(doubled, {}, [1000]))).toEqual([{ a: value, b: '1' }]);
    expect(await rowsOf(await open(doubled.replaceAll('"', '«'), { quote: '«' }))).toEqual([
      { a: value.replaceAll('"', '«'), b: '1' },
    ]);
    const escaped = `a,b\n"${value.replaceAll(/["\\]/g, '\\$&')}",1\n`;
    expect(await rowsOf(await open(escaped, { escape: '\\' }, [1000]))).toEqual([{ a: value, b: '1' }]);
  });

  test('comment: lines left out, also between records, not inside quotes', async () => {
    const text = '# one\n#"two\na,b\n#three\n1,"x\n#y"\n2,#\n';
    expect(await read(text, { comment: '#' })).toEqual([
      { a: '1', b: 'x\n#y' },
      { a: '2', b: '#' },
    ]);
  });

  test('trim: spaces around fields, not inside quotes', async () => {
    expect(await read('a , b\n x y , " z " \n  ,\n', { trim: true })).toEqual([
      { a: 'x y', b: ' z ' },
      { a: null, b: null },
    ]);
    expect(await read('a,b\n x ,\n')).toEqual([{ a: ' x ', b: null }]);
  });

  test('LF and CR LF may be mixed; a CR inside a line is text', async () => {
    expect(await read('a,b\r\n1,"x"\r\n2,y\n3\r,z\r\n4,')).toEqual([
      { a: '1', b: 'x' },
      { a: '2', b: 'y' },
      { a: '3\r', b: 'z' },
      { a: '4', b: null },
    ]);
  });

  test('of one column: an empty line is a record, of several: only the end of the file has them', async () => {
    expect(await read('a\n1\n\n2\n\n')).toEqual([{ a: '1' }, { a: null }, { a: '2' }, { a: null }]);
    expect(await read('a\n1\n""\r\n\r\n')).toEqual([{ a: '1' }, { a: '' }, { a: null }]);
    expect(await read('\n1\n', { header: false })).toEqual([{ column1: null }, { column1: '1' }]);
    expect(await read('a,b\n1,2\n\n\r\n\n')).toEqual([{ a: '1', b: '2' }]);
    expect(await message('a,b\n1,2\n\n3,4\n')).toBe(
      'in/a.csv:3: an empty line where the header has 2; mend the file, or say `ragged: pad` or `ragged: skip` in its format',
    );
  });

  test('an empty line at the end of one piece and a record in the next is ragged too', async () => {
    const failure = await failureOf(open('a,b\n1,2\n\n3,4\n', {}, [4, 4, 1, 4]).then(rowsOf));
    expect(failure).toMatchObject({ code: 'RAGGED_ROW', data: { line: 3 } });
  });

  test('NUL is a character like any other', async () => {
    expect(await read('a,b\n\0,x\0y\n')).toEqual([{ a: '\0', b: 'x\0y' }]);
  });

  test('tsv has tabs', async () => {
    const stream = await tsv.decode(chunksOf(Buffer.from('a\tb\n1,5\t"x\ty"\n')), { name: 'tsv' }, context);
    expect(await rowsOf(stream)).toEqual([{ a: '1,5', b: 'x\ty' }]);
  });

  test('of contradictory options is refused', async () => {
    expect(await message('a\n', { delimiter: '"' })).toBe(
      '`quote: "\\""` with that delimiter is not supported by the format csv; make them different',
    );
    expect(await message('a\n', { delimiter: '\r\n' })).toMatch(/^a line break in/);
    expect(await message('a\n', { null_text: 'a,b' })).toMatch(/^a `null_text` with a delimiter/);
    expect(await message('a\n', { escape: ',' })).toMatch(/^`escape: ","` with that delimiter/);
    expect(await message('a\n', { comment: '"#' })).toMatch(/^a comment that begins with the quote/);
  });
});

describe('the encoding', () => {
  test('a byte order mark of UTF-8 or UTF-16 is no part of the first name', async () => {
    const text = '\ufeffnäme,b\nÄ𝄞,"東\n"\n';
    const expected = [{ näme: 'Ä𝄞', b: '東\n' }];
    expect(await read(text)).toEqual(expected);
    expect(await read(Buffer.from(text, 'utf16le'))).toEqual(expected);
    expect(await read(Buffer.from(text, 'utf16le').swap16())).toEqual(expected);
  });

  test('latin1 and utf-16le as the options say', async () => {
    expect(await read(Buffer.from('a\nÄ\xa0\n', 'latin1'), { encoding: 'latin1' })).toEqual([{ a: 'Ä\xa0' }]);
    expect(await read(Buffer.from('a\nÄ\n', 'utf16le'), { encoding: 'utf-16le' })).toEqual([{ a: 'Ä' }]);
  });

  test('bytes that are not UTF-8 are refused with their line and offset', async () => {
    const bytes = Buffer.concat([Buffer.from('a,b\n1,"x\ny"\n2,'), Buffer.from([0xe9]), Buffer.from('\n')]);
    const failure = await failureOf(open(bytes).then(rowsOf));
    expect(failure.code).toBe('INPUT_ENCODING');
    expect(failure.message).toBe(
      'in/a.csv:4: byte 0xE9 at offset 14 is not valid utf-8; say the encoding it is in, such as `encoding: latin1`',
    );
    const marked = Buffer.concat([Buffer.from('\ufeffskipped\n'), bytes]);
    expect(await message(marked, { skip_lines: 1 })).toMatch(/^in\/a\.csv:5: byte 0xE9 at offset 25 /);
    expect(await message(Buffer.from([0x61, 0x0a, 0x31, 0x0a, 0xe2, 0x82]))).toMatch(/^in\/a\.csv:3: byte 0xE2/);
  });
});

describe('mistakes', () => {
  const advice = 'inside a quoted field a quote is written "", and where quotes mean nothing say `quote: ""`';

  test('a row with too few or too many fields, with the line it begins in', async () => {
    const rest = 'where the header has 3; mend the file, or say `ragged: pad` or `ragged: skip` in its format';
    expect(await message('a,b,c\n1,2,3\n4,5\n')).toBe(`in/a.csv:3: 2 fields ${rest}`);
    expect(await message('a,b,c\n1,"\n\n",3\n4,5,6,7\n')).toBe(`in/a.csv:5: 4 fields ${rest}`);
    // Together they have as many fields as two good rows.
    expect(await message('a,b,c\n1,2\n3,4,5,6\n')).toBe(`in/a.csv:2: 2 fields ${rest}`);
    expect(await message('skipped\na,b,c\n1\n', { skip_lines: 1 })).toBe(`in/a.csv:3: 1 field ${rest}`);
  });

  test('far into a file still have the right line', async () => {
    const good = '1,"x\ny",3\n'.repeat(20_000);
    expect(await message(`a,b,c\n${good}4,5\n`)).toMatch(/^in\/a\.csv:40002: 2 fields/);
  });

  test('ragged: pad and skip', async () => {
    const text = 'a,b,c\n1,2\n\n3,4,5\n6,7,8,9\n';
    expect(await read(text, { ragged: 'pad' })).toEqual([
      { a: '1', b: '2', c: null },
      { a: '3', b: '4', c: '5' },
      { a: '6', b: '7', c: '8' },
    ]);
    expect(await read(text, { ragged: 'skip' })).toEqual([{ a: '3', b: '4', c: '5' }]);
  });

  test('a quote that is not closed, with the line it opens in', async () => {
    expect(await message('a,b\n1,2\n3,"x\ny\n')).toBe(`in/a.csv:3: a quote is opened here and never closed; ${advice}`);
    expect(await message('a,"b\n')).toMatch(/^in\/a\.csv:1: a quote is opened here/);
    expect(await message('a,b\n"1\n\n","x\ny', { escape: '\\' })).toMatch(/^in\/a\.csv:4: a quote is opened here/);
  });

  test('text after a closing quote', async () => {
    expect(await message('a,b\n1,2\n"x"y,3\n')).toBe(`in/a.csv:3: field 1 goes on after its closing quote; ${advice}`);
    expect(await message('a,b\n1,2\n3,"x" \n')).toMatch(/^in\/a\.csv:3: field 2 goes on after/);
    expect(await message('a,b\n"1\n","x"y"z"\n')).toMatch(/^in\/a\.csv:3: field 2 goes on after/);
  });

  test('a quote in the middle of a field without quotes', async () => {
    expect(await message('a,b\n1,5" pipe\n2,x\n')).toBe(
      `in/a.csv:2: field 2 has a quote inside but does not begin with one; ${advice}`,
    );
    expect(await message('a,b\n1,5" pipe\n2,6" pipe\n')).toMatch(/^in\/a\.csv:2: field 2 has a quote inside/);
  });

  test('a record without an end is not kept in memory for ever', async () => {
    async function* endless() {
      yield Buffer.from('a,b\n1,2\n3,"');
      const chunk = Buffer.alloc(1024 * 1024, 'x');
      for (;;) yield chunk;
    }
    const failure = await failureOf(csv.decode(endless(), { name: 'csv' }, context).then(rowsOf));
    expect(failure.message).toBe(
      'in/a.csv:3: the record that begins here is longer than 64 MiB; a quote in it is probably not closed',
    );
  });
});

describe('types', () => {
  test('of `columns`, the rest stays text', async () => {
    const text = 'id,total,ok,note\n12345678901234567890,1.50,yes,007\n7,"",,\n';
    const options: Options = { columns: { id: 'integer', total: 'decimal', ok: 'boolean' } };
    expect(await types(text, options)).toEqual({ id: 'integer', total: 'decimal', ok: 'boolean', note: 'text' });
    expect(await read(text, options)).toEqual([
      { id: 12345678901234567890n, total: '1.50', ok: true, note: '007' },
      { id: 7, total: null, ok: null, note: null },
    ]);
  });

  test('a value that is not of its type is refused with line and column', async () => {
    const failure = await failureOf(open('a,qty\n"1\n",2\n3,12abc\n', { columns: { qty: 'integer' } }).then(rowsOf));
    expect(failure.code).toBe('VALUE_INVALID');
    expect(failure.message).toBe('in/a.csv:4, column "qty": "12abc" is not an integer');
  });

  test('of a column that is not there are refused', async () => {
    expect(await message('id,qty\n', { columns: { qyt: 'integer' } })).toBe(
      'in/a.csv: there is no column "qyt"; did you mean "qty"?',
    );
  });

  test('infer: the narrowest that fits the sample, text where nothing does', async () => {
    const text = [
      'b,i,d,f,day,at,atz,zip,mixed,none,id',
      'true,1,1.50,1e3,2024-02-29,2024-01-01 10:00:00,2024-01-01T10:00:00+02,01234,1,,6f1c1c9e-2f3a-4a38-9a4c-0d8f5a0f3b11',
      'False,-20,2,0.5,2023-01-01,2024-01-01T10:00,2024-01-01 10:00Z,99999,x,,6F1C1C9E-2F3A-4A38-9A4C-0D8F5A0F3B11',
    ].join('\n');
    expect(await types(text, { infer: true })).toEqual({
      b: 'boolean',
      i: 'integer',
      d: 'decimal',
      f: 'double',
      day: 'date',
      at: 'timestamp',
      atz: 'timestamptz',
      zip: 'text',
      mixed: 'text',
      none: 'text',
      id: 'uuid',
    });
    expect((await read(text, { infer: true }))[1]).toMatchObject({ b: false, i: -20, d: '2', f: 0.5, zip: '99999' });
  });

  test('infer takes only what would be written the same again for a number', async () => {
    const types = {
      integer: ['0', '-7', '123456789012345678'],
      decimal: ['-0', '0.50', '-12.0', '1234567890123456789'],
    };
    const others = ['007', '+1', '1.', '.5', '00.5', '-', '1 ', ' 1', '0x1', '1,5', '--1', '1.2.3'];
    const inferred = async (value: string) =>
      (await open(`a;b\n${value};x\n`, { infer: true, delimiter: ';' })).columns![0]!;
    for (const [type, values] of Object.entries(types)) {
      for (const value of values) expect([value, (await inferred(value)).type]).toEqual([value, type]);
    }
    for (const value of ['1e5', '-1.5E-10', '0e0']) expect((await inferred(value)).type).toBe('double');
    for (const value of ['true', 'FALSE']) expect((await inferred(value)).type).toBe('boolean');
    for (const value of [...others, 't', '1e', 'yes', 'true '])
      expect([value, (await inferred(value)).type]).toEqual([value, 'text']);
  });

  test('infer leaves the columns alone whose type is said', async () => {
    expect(await types('a,b\n1,2\n', { infer: true, columns: { a: 'text' } })).toEqual({ a: 'text', b: 'integer' });
  });

  test('a later value that the inferred type does not fit is refused with what to do', async () => {
    const sample = '1,2024-01-01\n'.repeat(100_000);
    expect(await message(`qty,day\n${sample}2.5,2024-01-01\n`, { infer: true })).toBe(
      'in/a.csv:100002, column "qty": "2.5" is not integer as in the first rows; say `columns: { "qty": decimal }`',
    );
    expect(await message(`qty,day\n${sample}007,2024-01-01\n`, { infer: true })).toMatch(
      /"007" is not integer .* text }`$/,
    );
    expect(await message(`qty,day\n${sample}1,2024-02-30\n`, { infer: true })).toMatch(
      /"2024-02-30" is not date .* text }`$/,
    );
  });
});

describe('the bytes as they are', () => {
  const accepts: Encoding[] = [{ name: 'ndjson' }, { name: 'csv', options: { delimiter: ',', header: false } }];

  test('are offered to a target of the same dialect, without the header', async () => {
    const text = 'a,"b\n"\n1,"é\n"\n2,\n';
    for (const size of [1, 9, 1000]) {
      const encoded = (await open(text, {}, [size])).encoded!(accepts);
      expect(encoded?.encoding).toEqual({
        name: 'csv',
        options: { delimiter: ',', quote: '"', escape: '"', null: '', header: false },
      });
      expect(encoded?.columns.map(({ name }) => name)).toEqual(['a', 'b\n']);
      expect(Buffer.concat(await collect(encoded!.chunks)).toString()).toBe('1,"é\n"\n2,\n');
    }
    const latin1 = await open(Buffer.from('a\nÄ\n', 'latin1'), { encoding: 'latin1' });
    expect(Buffer.concat(await collect(latin1.encoded!(accepts)!.chunks)).toString()).toBe('Ä\n');
  });

  test('are not offered where rows would differ from them', async () => {
    const offered = async (options: Options) => (await open('a,b\n1,2\n', options)).encoded!(accepts) !== undefined;
    expect(await offered({})).toBe(true);
    expect(await offered({ columns: { a: 'text' } })).toBe(true);
    expect(await offered({ null_text: 'NA' })).toBe(false);
    expect(await offered({ delimiter: ';' })).toBe(false);
    expect(await offered({ columns: { a: 'integer' } })).toBe(false);
    expect(await offered({ infer: true })).toBe(false);
    expect(await offered({ ragged: 'pad' })).toBe(false);
    expect(await offered({ trim: true })).toBe(false);
    expect(await offered({ comment: '#' })).toBe(false);
  });
});

describe('reading', () => {
  test('gives batches of at most 8,192 rows', async () => {
    for (const infer of [false, true]) {
      const stream = await open(`a\n${'1\n'.repeat(100_000)}`, { infer });
      const lengths = (await collect(stream.batches)).map(({ rows }) => rows.length);
      expect(Math.max(...lengths)).toBe(8192);
      expect(lengths.reduce((sum, length) => sum + length)).toBe(100_000);
    }
  });

  test('stops at the source when the rows are no longer wanted, and when a row is refused', async () => {
    for (const text of ['a,b\n1,2\n', 'a,b\n1\n', 'a,a\n']) {
      let closed = 0;
      async function* source() {
        try {
          for (;;) yield Buffer.from(text);
        } finally {
          closed++;
        }
      }
      const read = async () => {
        for await (const { rows } of (await csv.decode(source(), { name: 'csv' }, context)).batches) return rows;
      };
      await read().catch(() => undefined);
      expect(closed).toBe(1);
    }
  });

  test('stops when the run is', async () => {
    const stop = new AbortController();
    async function* source() {
      yield Buffer.from('a\n1\n');
      stop.abort(new Error('stopped'));
      yield Buffer.from('2\n');
    }
    const stream = await csv.decode(source(), { name: 'csv' }, { path: 'a.csv', signal: stop.signal });
    await expect(rowsOf(stream)).rejects.toThrow('stopped');
  });
});
