"""The library `eventsourcing` writing the same events, as a process of its own: url, threads, seconds, mode."""

import sys
import threading
import time
from urllib.parse import urlsplit
from uuid import uuid4

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from .facts import texts


def main(url: str, threads: str, seconds: str, mode: str) -> None:
    """Print events a second."""
    at = urlsplit(url)
    datastore = PostgresDatastore(
        dbname=at.path[1:],
        host=str(at.hostname),
        port=str(at.port),
        user=str(at.username),
        password=str(at.password),
        pool_size=min(int(threads), 64),
        max_overflow=0,
        enable_db_functions=mode == "functions",
    )
    recorder = PostgresApplicationRecorder(datastore, events_table_name=f"es_{mode}")
    recorder.create_table()
    state = "".join(texts()).encode()
    written = [0] * int(threads)
    until = time.perf_counter() + float(seconds)

    def write(place: int) -> None:
        stream = uuid4()
        while time.perf_counter() < until:
            written[place] += 1
            recorder.insert_events([StoredEvent(stream, written[place], "SpendLogged", state)])

    began = time.perf_counter()
    writers = [threading.Thread(target=write, args=(place,)) for place in range(int(threads))]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    print(sum(written) / (time.perf_counter() - began))
    datastore.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
