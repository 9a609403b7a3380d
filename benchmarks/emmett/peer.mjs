// Events a second by Emmett's PostgreSQL event store: `node peer.mjs URL WRITERS SECONDS PAYLOAD METADATA`.
// Each writer appends one event after the other to a stream of its own, at its expected version.
import { STREAM_DOES_NOT_EXIST } from '@event-driven-io/emmett';
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql';
import { randomUUID } from 'node:crypto';

const [url, writers, seconds, payload, metadata] = process.argv.slice(2);
const store = getPostgreSQLEventStore(url);
await store.schema.migrate();

let appended = 0;

async function write(stream, until) {
  let expectedStreamVersion = STREAM_DOES_NOT_EXIST;
  while (performance.now() < until) {
    const event = { type: 'SpendLogged', data: JSON.parse(payload), metadata: JSON.parse(metadata) };
    const { nextExpectedStreamVersion } = await store.appendToStream(stream, [event], { expectedStreamVersion });
    expectedStreamVersion = nextExpectedStreamVersion;
    appended += 1;
  }
}

async function round(length) {
  const began = performance.now();
  appended = 0;
  const streams = Array.from({ length: Number(writers) }, () => `writer-${randomUUID()}`);
  await Promise.all(streams.map((stream) => write(stream, began + length * 1000)));
  return (appended * 1000) / (performance.now() - began);
}

await round(Number(seconds) / 4);
console.log(await round(Number(seconds)));
await store.close();
