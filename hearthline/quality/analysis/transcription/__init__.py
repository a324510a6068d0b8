"""What was said, in words: a place for a recogniser of the exchange's choice. None is installed; nothing is fetched at run time."""
