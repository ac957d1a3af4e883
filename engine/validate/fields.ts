// What the language says of a place in a document: its field's marks and the keys it may have.
import type { FieldInfo, Shape } from '../../schemas/generated/language.ts';
import { pointerParts } from '../pointer.ts';

interface Branch {
  children: Map<string, Branch>;
  info?: FieldInfo;
  keys?: readonly string[];
}

const roots = new WeakMap<Shape, Branch>();
const nothing: FieldInfo = {};

/** A place in a shape, followed key by key. */
export interface Place {
  /** The marks of the field; below a field without one of its own, those of the nearest field above. */
  readonly info: FieldInfo;
  /** Whether the marks are the field's own, or it is an item of a list that has them: only then is it a path or a reference. */
  readonly own: boolean;
  readonly keys: readonly string[] | undefined;
  child(key: string | number): Place;
}

export function placeOf(shape: Shape): Place {
  let root = roots.get(shape);
  if (root === undefined) {
    root = { children: new Map() };
    for (const [pointer, info] of Object.entries(shape.fields)) grow(root, pointer).info = info;
    for (const [pointer, keys] of Object.entries(shape.keys)) grow(root, pointer).keys = keys;
    roots.set(shape, root);
  }
  return createPlace(root, root.info ?? nothing, root.info !== undefined);
}

export function placeAt(shape: Shape, parts: readonly string[]): Place {
  return parts.reduce((place, part) => place.child(part), placeOf(shape));
}

function createPlace(branch: Branch | undefined, info: FieldInfo, own: boolean): Place {
  return {
    info,
    own,
    keys: branch?.keys,
    child(key) {
      const next = branch?.children.get(String(key)) ?? branch?.children.get('*');
      if (next?.info !== undefined) return createPlace(next, next.info, true);
      return createPlace(next, info, own && typeof key === 'number');
    },
  };
}

function grow(root: Branch, pointer: string): Branch {
  let branch = root;
  for (const part of pointerParts(pointer)) {
    let next = branch.children.get(part);
    if (next === undefined) {
      next = { children: new Map() };
      branch.children.set(part, next);
    }
    branch = next;
  }
  return branch;
}
