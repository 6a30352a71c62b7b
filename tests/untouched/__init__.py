"""netui on a machine of its own, with Debian's own kernel and its modules: nothing is loaded, changed or left."""
