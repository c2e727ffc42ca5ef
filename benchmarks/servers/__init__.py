"""The servers that are compared, with the same events: Whinny's with all that the framework has, the others' bare."""
