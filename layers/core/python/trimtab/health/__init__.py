"""Is capture whole, and is Trimtab itself well? Decisions as data over plain values."""
