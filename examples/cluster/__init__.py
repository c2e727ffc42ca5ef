"""An example: two Whinny servers and a Node server behind one nginx, in one cluster through Redis."""
