"""One file per kind of sink, all behind one contract."""
