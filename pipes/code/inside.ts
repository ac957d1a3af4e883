// What runs inside of the sandbox, around the script: batches in and out, checked row by row.

/**
 * Takes the script as a function and whether it gets whole batches; gives `{ at, run }`: `run` takes and gives the text
 * of pipes/code/border.ts, and `at` is the record it is at. It keeps its own references to what it uses, so that
 * a script which changes the built-in objects spoils its own results only.
 */
export const inside = `(function (script, whole) {
  'use strict';
  const { parse, stringify } = JSON;
  const { getPrototypeOf, keys: keysOf, is } = Object;
  const { isArray } = Array;
  const plainPrototype = Object.prototype;
  const Bytes = Uint8Array, Big = BigInt, Num = Number, Text = String, Fn = Function;
  const code = Text.fromCharCode;
  const makers = new Map();
  let params;

  const maker = (names) => {
    const key = stringify(names);
    let make = makers.get(key);
    if (make === undefined) {
      if (makers.size > 1000) makers.clear();
      make = Fn('list', 'return {' + names.map((name, i) => '[' + stringify(name) + ']: list[' + i + ']').join() + '}');
      makers.set(key, make);
    }
    return make;
  };
  const restore = (special, values) => {
    const length = special.length;
    let at = values;
    for (let i = 0; i < length - 3; i++) at = at[special[i]];
    const kind = special[length - 2], text = special[length - 1];
    let value;
    if (kind === 'i') value = Big(text);
    else if (kind === 'n') value = Num(text);
    else {
      value = new Bytes(text.length);
      for (let i = 0; i < text.length; i++) value[i] = text.charCodeAt(i);
    }
    at[special[length - 3]] = value;
  };
  const decode = (text) => {
    const [groups, specials] = parse(text);
    if (specials.length > 0) {
      const values = [];
      for (const [, lists] of groups) for (const list of lists) values.push(list);
      for (const special of specials) restore(special, values);
    }
    return groups;
  };

  const refuse = (found, expected) => { throw { found, expected }; };
  const nameOf = (value) => {
    if (value === undefined) return 'undefined';
    if (value === null) return 'null';
    if (isArray(value)) return 'a list';
    if (typeof value === 'function') return 'a function';
    if (typeof value !== 'object') return 'the ' + typeof value + ' ' + Text(value);
    if (typeof value.then === 'function') return 'a promise';
    const name = value.constructor && value.constructor.name;
    return !name || name === 'Object' ? 'an object' : (/^[AEIOU]/.test(name) ? 'an ' : 'a ') + name;
  };
  const values = 'values are null, booleans, numbers, bigints, text, bytes (Uint8Array), lists and plain objects';
  const bytesText = (bytes) => {
    let text = '';
    for (let i = 0; i < bytes.length; i++) text += code(bytes[i]);
    return text;
  };
  const unusual = (value, column, path, specials, depth) => {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value;
      case 'number':
        if (value - value === 0 && !is(value, -0)) return value;
        specials.push([...path, 'n', is(value, -0) ? '-0' : Text(value)]);
        return null;
      case 'bigint':
        specials.push([...path, 'i', Text(value)]);
        return null;
    }
    if (value === null) return null;
    if (typeof value !== 'object') refuse(nameOf(value) + ' in "' + column + '"', value === undefined ? 'where there is no value, say null' : values);
    if (value instanceof Bytes) {
      specials.push([...path, 'b', bytesText(value)]);
      return null;
    }
    if (depth > 200) refuse('values nested deeper than 200, or one that holds itself, in "' + column + '"', values);
    if (isArray(value)) {
      const list = [];
      for (let i = 0; i < value.length; i++) list.push(unusual(value[i], column, [...path, i], specials, depth + 1));
      return list;
    }
    const prototype = getPrototypeOf(value);
    if (prototype !== plainPrototype && prototype !== null)
      refuse(nameOf(value) + ' in "' + column + '"', value instanceof Date ? 'a time is text; use toISOString()' : values);
    const object = {};
    for (const key of keysOf(value)) {
      if (key === '__proto__') refuse('a key "__proto__" in "' + column + '"', 'give it another name');
      object[key] = unusual(value[key], column, [...path, key], specials, depth + 1);
    }
    return object;
  };

  const run = (text) => {
    const groups = [], specials = [];
    let names = [], lists, count = 0;
    const add = (row) => {
      if (typeof row !== 'object' || row === null || isArray(row))
        refuse(nameOf(row), 'a record is a plain object with a value for each of its columns');
      const prototype = getPrototypeOf(row);
      if (prototype !== plainPrototype && prototype !== null)
        refuse(nameOf(row), 'a record is a plain object with a value for each of its columns');
      const list = [];
      let same = lists !== undefined, i = 0;
      for (const key in row) {
        const value = row[key];
        if (same && names[i] !== key) same = false;
        switch (typeof value) {
          case 'string':
          case 'boolean':
            list[i] = value;
            break;
          case 'number':
            if (value - value === 0 && value !== 0) {
              list[i] = value;
              break;
            }
          default:
            list[i] = value === null ? null : unusual(value, key, [count, i], specials, 0);
        }
        i++;
      }
      if (!same || i !== names.length) {
        names = keysOf(row);
        if (names.includes('__proto__')) refuse('a column "__proto__"', 'give it another name');
        lists = [];
        groups[groups.length] = [names, lists];
      }
      lists[lists.length] = list;
      count++;
    };
    inner.at = 0;
    if (whole) {
      const records = [];
      for (const [keys, rows] of decode(text)) {
        const make = maker(keys);
        for (const row of rows) records.push(make(row));
      }
      const result = script(records, params);
      if (!isArray(result)) refuse(result === undefined ? 'nothing' : nameOf(result), 'it must give a list of records');
      for (inner.at = 0; inner.at < result.length; inner.at++) add(result[inner.at]);
      return stringify([groups, specials]);
    }
    for (const [keys, rows] of decode(text)) {
      const make = maker(keys);
      for (let i = 0; i < rows.length; i++) {
        const result = script(make(rows[i]), params);
        if (result !== null && typeof result === 'object' && !isArray(result) && typeof result.then !== 'function') add(result);
        else if (isArray(result)) for (let j = 0; j < result.length; j++) add(result[j]);
        else if (result !== null)
          refuse(result === undefined ? 'nothing' : nameOf(result), 'it must give a record, a list of records, or null to drop it');
        inner.at++;
      }
    }
    return stringify([groups, specials]);
  };
  const inner = {
    at: 0,
    run,
    take(text) {
      const [[keys, [list]]] = decode(text);
      params = maker(keys)(list);
    },
  };
  return inner;
})`;
