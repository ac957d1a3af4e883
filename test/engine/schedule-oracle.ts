// Which minutes a cron line names, told by Intl alone: every minute of a time is looked at, and the two rules for clock changes are put on top.

interface Wall {
  /** Minutes that the clock shows, over all days. */
  shown: number;
  minute: number;
  hour: number;
  date: number;
  weekday: number;
}

/** Reads the clock of a zone as Intl shows it; offsets are remembered by quarter of an hour, the finest that zones change by. */
function wallClock(timezone: string): (at: number) => Wall {
  const shown = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  const quarter = 15 * 60_000;
  let known = { from: Number.NaN, offset: 0 };
  const offsetAt = (at: number) => {
    const from = Math.floor(at / quarter) * quarter;
    if (from !== known.from) {
      const part = Object.fromEntries(shown.formatToParts(from).map(({ type, value }) => [type, Number(value)]));
      known = { from, offset: Date.UTC(part.year!, part.month! - 1, part.day!, part.hour!, part.minute!) - from };
    }
    return known.offset;
  };
  return (at) => {
    const local = new Date(at + offsetAt(at));
    return {
      shown: local.getTime() / 60_000,
      minute: local.getUTCMinutes(),
      hour: local.getUTCHours(),
      date: local.getUTCDate(),
      weekday: local.getUTCDay(),
    };
  };
}

export interface Named {
  /** It has a step or a star below the day: it follows the clock, whatever that leaves out or shows twice. */
  pattern?: boolean;
  line: string;
  /** Whether the line names a time of the clock: a date that fits, then hour and minute. */
  day(wall: Wall): boolean;
  hours: readonly number[];
  minutes: readonly number[];
}

/** The ticks of each line from one time to another, in their order. */
export function ticksByLooking(lines: readonly Named[], timezone: string, from: number, to: number): number[][] {
  const read = wallClock(timezone);
  const ticks = lines.map((): number[] => []);
  // What is named and not patterned comes once, though the clock shows it twice; it goes back by a few hours at most.
  const last = lines.map(() => new Map<number, number>());
  const put = (i: number, time: number, at: number) => {
    const before = last[i]!.get(time);
    if (before !== undefined && at - before < 4 * 3_600_000) return;
    last[i]!.set(time, at);
    if (at > from && ticks[i]!.at(-1) !== at) ticks[i]!.push(at);
  };
  let before: number | undefined;
  for (let at = from - 2 * 86_400_000; at < to; at += 60_000) {
    const wall = read(at);
    const now = wall.hour * 60 + wall.minute;
    // A clock that leaves times out: those that are named are due as soon as it goes on.
    const first = now - Math.max(0, wall.shown - (before ?? wall.shown) - 1);
    before = wall.shown;
    for (const [i, { day, hours, minutes, pattern }] of lines.entries()) {
      if (!day(wall)) continue;
      if (pattern) {
        if (hours.includes(wall.hour) && minutes.includes(wall.minute) && at > from) ticks[i]!.push(at);
        continue;
      }
      for (let time = first; time <= now; time++)
        if (hours.includes(Math.floor(time / 60)) && minutes.includes(time % 60)) put(i, time, at);
    }
  }
  return ticks;
}
