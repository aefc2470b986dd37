"""A key lies where every other client of Kafka looks for it."""

from __future__ import annotations

from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as theirs
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.partitions import murmur2, partition_of


@given(st.binary(max_size=300))
def test_the_hash_is_that_of_the_other_clients(key: bytes) -> None:
    assert murmur2(key) == theirs(key)


@given(st.binary(max_size=40), st.integers(1, 50))
def test_the_partition_is_that_of_the_default_partitioner(key: bytes, count: int) -> None:
    partitions = list(range(count))
    assert partition_of(key, partitions) == DefaultPartitioner()(key, partitions, partitions)


def test_vectors_of_the_java_client() -> None:
    # org.apache.kafka.common.utils.UtilsTest.testMurmur2
    vectors = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536,
               b"a-little-bit-longer-string": -1486304829, b"abc": 479470107}  # fmt: skip
    for key, expected in vectors.items():
        assert murmur2(key) == expected & 0xFFFFFFFF


@given(st.integers(1, 50))
def test_what_has_no_key_has_a_partition_all_the_same(count: int) -> None:
    assert partition_of(None, list(range(count))) in range(count)
