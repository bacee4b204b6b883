"""Where studies come from, one kind of file each: to text cells, or to numpy with checks."""
