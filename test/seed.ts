// Random tests are random where people work. In CI they are the same each time, so that a red run is about the change.
import fc from 'fast-check';

if (process.env.CI === 'true') fc.configureGlobal({ seed: 20_261_120 });
