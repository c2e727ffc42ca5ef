"""Who is in which room, on which server."""

from whinny.cluster.adapter import Member, MemoryAdapter, Selection

__all__ = ["Member", "MemoryAdapter", "Selection"]
