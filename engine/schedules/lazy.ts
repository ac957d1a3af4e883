// `engine.schedules`, loaded when it is first used: few runs need to know when they are due.
import type { Schedules } from './api.ts';

export function lazySchedules(load: () => Promise<Schedules>): Schedules {
  return {
    list: async (...given) => (await load()).list(...given),
    pause: async (...given) => (await load()).pause(...given),
    resume: async (...given) => (await load()).resume(...given),
    options: async (...given) => (await load()).options(...given),
    service: async (...given) => (await load()).service(...given),
  };
}
