"""Clusters by Redis. Needs the package redis: `pip install "whinny[redis]"`."""

from whinny.cluster.redis.classic import RedisAdapter
from whinny.cluster.redis.emitter import AsyncRedisEmitter, RedisEmitter
from whinny.cluster.redis.sharded import ShardedRedisAdapter

__all__ = ["AsyncRedisEmitter", "RedisAdapter", "RedisEmitter", "ShardedRedisAdapter"]
