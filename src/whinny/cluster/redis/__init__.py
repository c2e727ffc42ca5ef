"""Clusters by Redis. Needs the package redis: `pip install "whinny[redis]"`."""

from whinny.cluster.redis.classic import RedisAdapter

__all__ = ["RedisAdapter"]
