"""The servers that are compared: the same events in each, Whinny's with all that the framework has, the others' bare."""
