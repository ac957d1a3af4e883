// Reads the service of the bench to its end, in a process whose memory is looked at.
import { connectionTo, readAll } from './apis-service.ts';

const connection = connectionTo(process.argv[2]!);
await readAll(connection);
await connection.close();
