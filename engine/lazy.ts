// Parts of an engine that are loaded when they are first used: what only looks into the history need not wait for them.
import type { Definitions } from './definitions.ts';
import type { Schedules } from './schedules/api.ts';

export function lazyDefinitions(load: () => Promise<Definitions>): Definitions {
  return {
    check: async (...given) => (await load()).check(...given),
    checkManifest: async (...given) => (await load()).checkManifest(...given),
    tests: async (...given) => (await load()).tests(...given),
    plan: async (...given) => (await load()).plan(...given),
  };
}

export function lazySchedules(load: () => Promise<Schedules>): Schedules {
  return {
    list: async (...given) => (await load()).list(...given),
    pause: async (...given) => (await load()).pause(...given),
    resume: async (...given) => (await load()).resume(...given),
    options: async (...given) => (await load()).options(...given),
    service: async (...given) => (await load()).service(...given),
  };
}
