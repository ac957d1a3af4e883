// The paths that stand in tasks, and what is known of one without looking at what it leads to.
import type { PathUse } from '../../schemas/generated/language.ts';
import { pointerTo } from '../pointer.ts';
import { markedValues, type TaskPlace } from '../validate/tasks.ts';
import type { PathFacts } from './formats.ts';

/** A path as it stands in a definition. */
export interface PathText {
  /** With a plain letter in the place of each `${…}`. */
  text: string;
  /** Whether there is none. */
  fixed: boolean;
  /** Up to the first `${…}`. */
  head: string;
  ends: boolean;
  use: PathUse;
  pointer: string;
  label: string;
  key: string;
}

export function pathsOf(place: TaskPlace): PathText[] {
  return markedValues(place.part!, place.task, ({ path }) => path !== undefined).flatMap(({ value, parts, info }) => {
    const values = Array.isArray(value) ? value : [value];
    return values.flatMap((text, index) => {
      if (typeof text !== 'string' || text === '') return [];
      const key = parts.at(-1)!;
      if (key === 'on_reject' && (text === 'fail' || text === 'skip')) return [];
      return [
        readPath(
          text,
          info.path!,
          pointerTo(place.pointer, ...parts, ...(Array.isArray(value) ? [index] : [])),
          place.label,
          key,
        ),
      ];
    });
  });
}

export function readPath(value: string, use: PathUse, pointer: string, label: string, key: string): PathText {
  const text = value.length > 10_000 ? value : value.replace(/\$\{[^}]*\}/g, 'x');
  const head = value.includes('${') ? value.slice(0, value.indexOf('${')) : value;
  return { text, fixed: head === value, head, ends: !/\}[^./}]*$/.test(value), use, pointer, label, key };
}

export function factsOf(
  { task }: TaskPlace,
  { text, ends, use, pointer }: PathText,
  { where, stores, file }: { where: PathFacts['where']; stores: 'files' | 'rows' | 'nothing'; file?: string },
): PathFacts {
  const holds = stores === 'nothing' ? undefined : stores;
  return {
    pointer,
    path: text,
    ends,
    where,
    file,
    format: task.format,
    reads: use === 'read' ? holds : undefined,
    writes: use === 'write' ? holds : undefined,
  };
}
