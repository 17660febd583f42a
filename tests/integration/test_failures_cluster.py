"""Three nats-servers: one of them dies or hangs under load, and no completed answer is missing."""

import signal
import time
from collections.abc import Iterator

import pytest

from tests.support.books import Books
from tests.support.nats_cluster import NatsCluster
from tests.support.stack import Stack
from tests.support.traffic import Traffic, until
from tests.support.trouble import PACE, SERVICES, at_rest, check, recovered, whole

WORKERS = dict.fromkeys(SERVICES, 1) | {"router": 2, "auth": 2}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    """Three servers."""
    with NatsCluster(tmp_path_factory.mktemp("nats")) as servers:
        yield servers


@pytest.fixture(scope="module")
def stack(cluster: NatsCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack on that cluster, its streams in three copies."""
    config = {"nats": {"stream_replicas": 3}}
    folder = tmp_path_factory.mktemp("stack")
    with Stack(folder, workers=WORKERS, env={"NATS_URL": cluster.url}, config=config) as running:
        yield running


async def test_the_leader_is_killed_and_no_answer_is_missing(cluster: NatsCluster, stack: Stack, books: Books) -> None:
    """Kill -9 of the event stream's leader, and its return: answers go on over the other two."""
    await whole(stack, WORKERS)
    traffic = Traffic(stack, stack.master_key, 100, PACE)
    await traffic.start()
    await traffic.at_least(200)
    leader = await cluster.leader()
    cluster.kill(leader)
    await recovered(traffic, 300)
    cluster.start(leader)
    await recovered(traffic, 200)
    await check(await traffic.stop(), books)
    await at_rest(stack)


async def test_servers_that_hang_make_nobody_send_twice(cluster: NatsCluster, stack: Stack, books: Books) -> None:
    """Whoever is connected to it is cut off without knowing, while all others go on and hear nothing of it."""
    await whole(stack, WORKERS)
    traffic = Traffic(stack, stack.master_key, 60, "nonce;tokens=4;rate=40/s")
    await traffic.start()
    for name in cluster.ports:
        await recovered(traffic, 200)
        cluster.send(name, signal.SIGSTOP)
        try:
            began = time.monotonic()
            await until(lambda began=began: time.monotonic() - began > 5.0)  # type: ignore[misc]
        finally:
            cluster.send(name, signal.SIGCONT)
    await recovered(traffic, 200)
    await check(await traffic.stop(), books)
