// The scanner of listings: what it reads, and what it leaves to the SDK's parser.
import { expect, test } from 'vitest';
import { scanned } from '../../connectors/s3/listing.ts';

const page = (inner: string, truncated = 'false') =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>lake</Name><Prefix>in/</Prefix><IsTruncated>${truncated}</IsTruncated>${inner}</ListBucketResult>`;
const file = '<Contents><Key>in/a</Key><Size>3</Size></Contents>';

test('files, folders and the token of the next page', () => {
  const xml = page(
    '<NextContinuationToken>a&amp;b</NextContinuationToken><EncodingType>url</EncodingType><KeyCount>3</KeyCount>' +
      '<Contents><Key>in/a+b%25%2B.csv</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>&quot;0123&quot;</ETag><Size>12</Size><Owner><ID>x</ID></Owner></Contents>' +
      '<Contents><Key>in/c</Key><LastModified>2026-01-02T03:04:05Z</LastModified><ETag>&#34;4&#x22;</ETag><Size>0</Size></Contents>' +
      '<CommonPrefixes><Prefix>in/d%2F</Prefix></CommonPrefixes>',
    'true',
  );
  expect(scanned(xml)).toEqual({
    files: [
      { key: 'in/a b%+.csv', found: { size: 12, etag: '"0123"', modified: '2026-01-02T03:04:05.000Z' } },
      { key: 'in/c', found: { size: 0, etag: '"4"', modified: '2026-01-02T03:04:05.000Z' } },
    ],
    folders: [{ key: 'in/d/', found: undefined }],
    next: 'a&b',
  });
});

test('keys that are not encoded stay as they are', () => {
  const xml = page('<Contents><Key>a+b%20&lt;&amp;&gt;</Key><Size>1</Size></Contents>');
  expect(scanned(xml)?.files).toEqual([{ key: 'a+b%20<&>', found: { size: 1 } }]);
});

test.each([
  ['no listing', '<html><body>Welcome</body></html>'],
  ['one that is cut', page(file).slice(0, -30)],
  ['one that is cut in an entry', `${page('').slice(0, -19)}<Contents><Key>in/a</Key></ListBucketResult>`],
  ['fewer entries than it says', page(`<KeyCount>2</KeyCount>${file}`)],
  ['more to come and no token', page(file, 'true')],
  ['no word on whether there is more', page(file).replace(/<IsTruncated>.*<\/IsTruncated>/, '')],
  ['an entry without a key', page('<Contents><Size>3</Size></Contents>')],
  ['a size that is none', page('<Contents><Key>a</Key><Size>-</Size></Contents>')],
  ['a time that is none', page('<Contents><Key>a</Key><LastModified>yesterday</LastModified></Contents>')],
  ['text in CDATA', page('<Contents><Key><![CDATA[a]]></Key></Contents>')],
  ['a comment', page(`<!-- ${file} -->`)],
])('leaves aside %s', (_, xml) => {
  expect(scanned(xml)).toBeUndefined();
});
