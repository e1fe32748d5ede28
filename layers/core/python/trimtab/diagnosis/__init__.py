"""Why a window is as it is: which columns matter, what they do together, and the likeliest cause of a drift."""
