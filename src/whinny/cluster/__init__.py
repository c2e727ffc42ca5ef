"""Who is in which room, on which server."""

from whinny.cluster.adapter import AdapterFactory, AdapterHost, Member, MemoryAdapter, Selection

__all__ = ["AdapterFactory", "AdapterHost", "Member", "MemoryAdapter", "Selection"]
