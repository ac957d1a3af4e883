// Loaded into the command before anything else: when it has sent its secret, nobody catches an error with that in it.
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';

const { write } = Socket.prototype;
let writes = 0;

Socket.prototype.write = function (...given) {
  if (this.remotePort !== undefined) {
    writes += 1;
    // Before a database is told a password, it is greeted.
    const isHttp = /^(GET|HEAD|PUT|POST) /.test(String(given[0]));
    if (writes === (isHttp ? 1 : 2)) {
      // The file of the secret is named as the pipe's.
      const secret = readFileSync(process.argv[3].replace(/\.json$/, '.secret'), 'utf8');
      const cause = Object.assign(new Error(`sent ${JSON.stringify({ secret })}`), { secret });
      setImmediate(() => {
        throw new Error(`broken: ${secret}`, { cause });
      });
    }
  }
  return write.apply(this, given);
};
