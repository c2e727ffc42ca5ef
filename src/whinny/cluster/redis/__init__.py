"""Clusters by Redis. Needs the package redis: `pip install "whinny[redis]"`."""

try:
    from whinny.cluster.redis.classic import RedisAdapter
    from whinny.cluster.redis.emitter import AsyncRedisEmitter, RedisEmitter
    from whinny.cluster.redis.sharded import ShardedRedisAdapter
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] not in ("redis", "hiredis"):
        raise
    raise ModuleNotFoundError(
        'whinny.cluster.redis needs redis and hiredis: pip install "whinny[redis]"', name=error.name
    ) from error

__all__ = ["AsyncRedisEmitter", "RedisAdapter", "RedisEmitter", "ShardedRedisAdapter"]
