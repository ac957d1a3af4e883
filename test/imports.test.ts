// The import rule holds for every file that ships.
import { expect, test } from 'vitest';
import { brokenImports } from '../scripts/imports.ts';

test('no room imports from one it may not know', () => {
  expect(brokenImports()).toEqual([]);
});
